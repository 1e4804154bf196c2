"""Pipelines from posts to a completed graph, one a file."""
