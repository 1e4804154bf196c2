"""Command-line arguments, `doctor`, and the reference of all keys."""
