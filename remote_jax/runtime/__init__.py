"""Devices, processes and signals: where a run lives."""
