"""Batches: which examples go together, in which order, and how far they are cut."""
