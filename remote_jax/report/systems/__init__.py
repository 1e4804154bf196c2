"""What each system has to show of a run."""
