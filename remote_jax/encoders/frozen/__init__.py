"""What frozen encoders make of a data set, computed once and kept on disk."""
