"""The equations of EEGA."""
