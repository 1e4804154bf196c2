"""Devices, processes, clusters and signals."""
