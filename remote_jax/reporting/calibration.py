"""Whether probabilities say how often an answer is right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

TEMPERATURES = (0.05, 20.0)
"""Lowest and highest."""


def fit_temperature(
    logits: Float[np.ndarray, "n classes"],
    labels: np.ndarray,
    weights: Float[np.ndarray, " n"],
) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    Args:
        labels: the right class of each row.
        weights: of each row, at least one above 0.
    """
    logits = logits.astype(np.float64)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels]
        return float(-(weights * likelihood).sum() / weights.sum())

    found = minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def expected_error(
    confidence: Float[np.ndarray, " n"],
    right: Bool[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"] | None = None,
    bins: int = 15,
) -> float:
    """The expected calibration error (Naeini et al. 2015): |confidence - accuracy| over bins.

    Args:
        confidence: probability of each answer.
        right: whether it is right.
        weights: of each answer; all alike if None.
        bins: equally wide ones.

    Returns:
        0 where there is no answer.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    if not weights.sum():
        return 0.0
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights * (confidence - right), bins)
    return float(np.abs(gaps).sum() / weights.sum())
