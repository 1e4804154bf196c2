"""Losses of a query's scores: Eq. 10 of ROAM §4.3, a softmax over all candidates, a penalty."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Counts = Float[Array, "b c"] | None
"""How many entities a candidate stands for in the loss of a query; None: each for itself."""


def softmax_loss(
    scores: Float[Array, "b c"],
    true: Bool[Array, "b c"],
    counts: Counts = None,
    *,
    smoothing: float,
) -> Float[Array, " b"]:
    """Cross-entropy of a softmax over the candidates, with equal shares for the true answers.

    Args:
        scores, true, counts: of every candidate for every query.
        smoothing: share of the target that is spread over all candidates.
    """
    normaliser = jax.nn.logsumexp(scores, axis=1, b=counts)
    found = jnp.sum(jnp.where(true, scores, 0.0), 1) / jnp.maximum(true.sum(1), 1)
    target = (1.0 - smoothing) * found + smoothing * jnp.average(scores, 1, counts)
    return normaliser - target


def sigmoid_loss(
    scores: Float[Array, "b c"],
    true: Bool[Array, "b c"],
    counts: Counts = None,
    *,
    smoothing: float,
) -> Float[Array, " b"]:
    """Minus Eq. 10: the binary cross-entropy of every candidate, averaged.

    The equation is a log-likelihood, to be maximised. Its negatives are all other candidates.
    """
    candidates = scores.shape[1] if counts is None else counts.sum(1, keepdims=True)
    target = true.astype(scores.dtype) * (1.0 - smoothing) + smoothing / candidates
    return jnp.average(jax.nn.softplus(scores) - target * scores, 1, counts)


def query_weights(true: Bool[Array, "b c"], power: float) -> Float[Array, " b"]:
    """What a query counts for in the mean of a batch: its number of true answers to a power.

    With 0 queries count alike, as in Eq. 10; with 1 triples do, as in the metrics. The mean is 1.
    """
    weights = true.sum(1).astype(jnp.float32) ** power
    return weights / weights.mean()


def penalty(
    head: Float[Array, "b d"],
    relation: Float[Array, "b d"],
    answers: Float[Array, "n d"],
    true: Bool[Array, "b n"],
    *,
    weights: Mapping[str, float],
) -> Float[Array, " b"]:
    """N3 and DURA of a query's triples, the mean over its answers.

    Args:
        weights: of `cubes` and of `duality`.
    """
    heads, relations, tails = energy(head), energy(relation), energy(answers)
    of_answers = true.astype(jnp.float32) / jnp.maximum(true.sum(1), 1)[:, None]
    total = jnp.zeros(len(head))
    if weights["duality"]:
        total += weights["duality"] * duality(heads, relations, of_answers @ tails)
    if weights["cubes"]:
        parts = cubes(heads) + cubes(relations) + of_answers @ cubes(tails)
        total += weights["cubes"] * parts
    return total


LOSSES = {"softmax": softmax_loss, "sigmoid": sigmoid_loss}


def energy(vectors: Float[Array, "*n d"]) -> Float[Array, "*n h"]:
    """Squared moduli of vectors of complex numbers, as `ComplexCore` reads them."""
    real, imaginary = jnp.split(jnp.square(vectors.astype(jnp.float32)), 2, axis=-1)
    return real + imaginary


def duality(
    head: Float[Array, "b h"], relation: Float[Array, "b h"], answer: Float[Array, "b h"]
) -> Float[Array, " b"]:
    """‖e_h‖² + ‖e_h ∘ r‖² + ‖e_t‖² + ‖e_t ∘ conj r‖², DURA of ComplEx (Zhang et al. 2020).

    Args:
        head, relation, answer: `energy` of e_h, r and e_t; of e_t a mean over answers will do.
    """
    return jnp.sum((head + answer) * (1.0 + relation), axis=-1)


def cubes(energies: Float[Array, "*n h"]) -> Float[Array, "*n"]:
    """Σ |x|³ of a vector by its `energy`; of e_h, r and e_t it is N3 (Lacroix et al. 2018).

    As a power of the energy its slope is 0 at 0, where the slope of a modulus has no value.
    """
    return jnp.sum(energies**1.5, axis=-1)
