"""The sample: a small generated data set in UMRE's released file formats."""
