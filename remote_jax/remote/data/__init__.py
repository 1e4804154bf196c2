"""REMOTE's files to arrays."""
