"""Pairs of a post that are read together (`model.pairs=shared`)."""
