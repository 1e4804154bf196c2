"""The equations of ROAM."""
