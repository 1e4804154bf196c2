"""From posts to the files that are annotated and extracted from, by models people already use."""
