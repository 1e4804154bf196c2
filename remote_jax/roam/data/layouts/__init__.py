"""The files that people lay a graph and its features out in: tables, vocabularies, arrays."""
