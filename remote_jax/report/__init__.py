"""A page that shows what a finished run did: scores, curves, and each prediction (`report`)."""
