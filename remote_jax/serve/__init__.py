"""Exports, and loading a trained model from a run or an export."""
