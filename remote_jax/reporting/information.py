"""How much a choice that is spread over several things tells, in nats."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def entropy(shares: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """Shannon entropy of each row."""
    logs = np.log(np.maximum(shares, np.finfo(float).tiny))
    return -(shares * logs).sum(1)


def information(shares: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"]) -> float:
    """Mutual information of a row's label and a choice that is drawn by the row's shares."""
    _, numbers = np.unique(labels, return_inverse=True)
    counts = np.bincount(numbers)
    means = np.stack([np.bincount(numbers, column) / counts for column in shares.T], 1)
    whole = entropy(shares.mean(0, keepdims=True))[0]
    return max(0.0, float(whole - (counts / counts.sum()) @ entropy(means)))
