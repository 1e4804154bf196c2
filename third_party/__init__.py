"""Facts that come from others: relation vocabularies and licences. See NOTICE."""
