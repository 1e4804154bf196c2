"""Optimal transport on `ott-jax`: batched, masked and differentiable plans."""
