"""How far probabilities are from what they promise."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

BINS = 15
"""Bins of the expected calibration error, as in Guo et al. (2017)."""


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
    place = np.clip(np.ceil(believed * bins).astype(int) - 1, 0, bins - 1)
    excess = counts * (believed - np.asarray(right, np.float64))
    total = counts.sum()
    gaps = np.abs(np.bincount(place, excess, minlength=bins)).sum()
    return float(gaps / total) if total else 0.0
