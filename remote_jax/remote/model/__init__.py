"""The equations of REMOTE."""
