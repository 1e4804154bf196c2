"""EEGA's files to arrays."""
