"""Losses of a query's scores: Eq. 10 of ROAM §4.3, and a softmax over all candidates."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


def softmax_loss(
    scores: Float[Array, "b c"], true: Bool[Array, "b c"], *, smoothing: float
) -> Float[Array, " b"]:
    """Cross-entropy of a softmax over the candidates, with equal shares for the true answers.

    Args:
        scores, true: of every candidate for every query.
        smoothing: share of the target that is spread over all candidates.
    """
    normaliser = jax.nn.logsumexp(scores, axis=1)
    found = jnp.sum(jnp.where(true, scores, 0.0), 1) / jnp.maximum(true.sum(1), 1)
    target = (1.0 - smoothing) * found + smoothing * scores.mean(1)
    return normaliser - target


def sigmoid_loss(
    scores: Float[Array, "b c"], true: Bool[Array, "b c"], *, smoothing: float
) -> Float[Array, " b"]:
    """Minus Eq. 10: the binary cross-entropy of every candidate, averaged.

    The equation is a log-likelihood, to be maximised. Its negatives are all other candidates.
    """
    target = true.astype(scores.dtype) * (1.0 - smoothing) + smoothing / scores.shape[1]
    return jnp.mean(jax.nn.softplus(scores) - target * scores, 1)


def query_weights(true: Bool[Array, "b c"], power: float) -> Float[Array, " b"]:
    """What a query counts for in the mean of a batch: its number of true answers to a power.

    With 0 queries count alike, as in Eq. 10; with 1 triples do, as in the metrics. The mean is 1.
    """
    weights = true.sum(1).astype(jnp.float32) ** power
    return weights / weights.mean()


LOSSES = {"softmax": softmax_loss, "sigmoid": sigmoid_loss}
