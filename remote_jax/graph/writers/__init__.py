"""The formats in which a graph is written."""
