"""Untrusted input files in; checked records, pictures and batches out."""
