"""What the command line does beside the modes of a run."""
