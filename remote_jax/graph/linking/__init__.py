"""Entity linking: which mentions are of the same entity, and why."""
