"""Sweeps: what belongs to one, a table of its scores, and curves over the keys that it varies."""
