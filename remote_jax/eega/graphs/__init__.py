"""Graphs of sentences and pictures."""
