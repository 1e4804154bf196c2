"""ROAM's files to arrays."""
