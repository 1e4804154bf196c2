"""Temperatures that make probabilities of logits, and how far those are from what they promise."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017)."""


TEMPERATURES = (0.05, 20.0)
"""Lowest and highest that is fitted."""


def fit_temperature(
    logits: Float[np.ndarray, "n classes"],
    labels: Int[np.ndarray, " n"],
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
    right: Shaped[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"] | None = None,
    bins: int = BINS,
) -> float:
    """Expected calibration error: Σ_b w_b |mean confidence of bin b − share of b that is right|.

    Bin b of B has the confidences in ((b − 1) / B, b / B]; 0 is in the first. w_b is the share of
    the weight in the bin. Sums are in float64 (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", Eq. 3).

    Args:
        confidence: in [0, 1], of each decision.
        right: whether it was right: bool, or a share in [0, 1].
        weights: what each counts for, at least 0; alike if None.
        bins: B.

    Returns:
        In [0, 1]; 0 where nothing counts.

    Raises:
        ValueError: a confidence is outside of [0, 1], or not a number.
    """
    believed = np.asarray(confidence, np.float64)
    if not ((believed >= 0) & (believed <= 1)).all():
        raise ValueError("a confidence must be from 0 to 1")
    counts = np.ones(len(believed)) if weights is None else np.asarray(weights, np.float64)
    place = bin_of(believed, bins)
    excess = counts * (believed - np.asarray(right, np.float64))
    total = counts.sum()
    gaps = np.abs(np.bincount(place, excess, minlength=bins)).sum()
    return float(gaps / total) if total else 0.0


def bin_of(confidence: Float[np.ndarray, " n"], bins: int = BINS) -> Int[np.ndarray, " n"]:
    """The bin of each confidence, from 0, as `expected_error` has them."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
