"""Optimal transport and expert routing for multimodal knowledge graphs, in JAX."""

__version__ = "0.1.0"
