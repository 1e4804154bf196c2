"""Answers of graphs and models over HTTP."""
