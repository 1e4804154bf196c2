"""Which relations of a post are answered, and how right that is over all of its pairs.

A pair may be asked in both orders. A relation is answered of it at most once, in the order in
which it is likelier.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import log_softmax

from remote_jax.remote.data.further import Pairs
from remote_jax.remote.data.orders import Orders
from remote_jax.reporting.score import Score

BETA = 0.5
"""Precision counts twice as much as recall where the threshold is chosen (F0.5)."""

THRESHOLD = 0.5
"""The lowest, and the one where nothing was chosen: an answer is likelier right than wrong."""

Probabilities = Float[np.ndarray, "pairs relations"]


def probabilities(
    logits: Float[np.ndarray, "pairs relations"], temperature: float
) -> Probabilities:
    """The probability of each relation."""
    return np.exp(log_softmax(logits.astype(np.float64) / temperature, axis=1))


def candidates(
    found: Probabilities,
    offered: Bool[np.ndarray, "pairs relations"],
    partner: Int[np.ndarray, " pairs"],
    backward: Bool[np.ndarray, " pairs"],
) -> Probabilities:
    """The probabilities of relations that may be answered; 0 for all others.

    Those are no answers: no relation, what is not offered, and what is likelier the other way
    round. What is left keeps its probability, which is the calibrated one.

    Args:
        partner: the row of the same pair in the other order, -1 where it is not asked.
        backward: breaks ties: the first order stays.
    """
    found = np.where(offered, found, 0.0)
    other = np.where((partner >= 0)[:, None], found[partner], -1.0)
    beaten = (other > found) | ((other == found) & backward[:, None])
    kept = np.where(beaten, 0.0, found)
    kept[:, 0] = 0.0
    return kept


def answered(kept: Probabilities, threshold: float) -> Bool[np.ndarray, "pairs relations"]:
    """Which candidates are answered."""
    return (kept >= threshold) & (kept > 0)


class Judged:
    """Answers of all pairs of a split's posts beside what is right.

    Attributes:
        asked: which examples are in an order that is asked.
        kept: candidates, of orders that are not asked none.
        right: which candidates are right; of a pair of which nothing is known, none is.
        weights: how much each counts.
        related: weighted number of relations to be found.
    """

    def __init__(
        self,
        found: Probabilities,
        pairs: Pairs,
        orders: Orders,
        symmetric: Bool[np.ndarray, " relations"],
        weights: Float[np.ndarray, " n"],
    ):
        """Takes probabilities of every example of `pairs`, and how much each counts."""
        self.asked = asked = orders.asks(pairs.types, pairs.backward)
        partner = np.where(asked & asked[pairs.partner], pairs.partner, -1)
        may = orders.offers(pairs.types, pairs.backward) & asked[:, None]
        self.kept = candidates(found, may, partner, pairs.backward)
        rows, names = np.arange(len(pairs.labels)), np.arange(found.shape[1])
        back = np.where(pairs.partner >= 0, pairs.labels[pairs.partner], 0)
        same = (pairs.labels == back) & symmetric[pairs.labels]
        self.right = names == pairs.labels[:, None]
        self.right |= symmetric & (names == back[:, None])
        self.right[:, 0] = False
        # A symmetric relation that is listed both ways is one to be found.
        twice = same & (pairs.partner >= 0) & (pairs.partner < rows)
        self.weights = weights
        self.related = float(self.weights[(pairs.labels > 0) & ~twice].sum())

    def score(self, threshold: float) -> Score:
        """Precision, recall and F1 over all pairs, of what is answered at a threshold."""
        claimed = answered(self.kept, threshold)
        weights = self.weights[:, None]
        hits = float((weights * (claimed & self.right)).sum())
        total = float((weights * claimed).sum())
        return Score.from_counts(hits, total, self.related)

    def threshold(self) -> float:
        """The threshold, at least `THRESHOLD`, with the best F0.5; that where nothing is right."""
        rows, columns = np.nonzero(self.kept >= THRESHOLD)
        values, weights = self.kept[rows, columns], self.weights[rows]
        order = np.argsort(-values, kind="stable")
        values, weights = values[order], weights[order]
        hits = np.cumsum(weights * self.right[rows, columns][order])
        total = np.cumsum(weights)
        score = (1 + BETA**2) * hits / (total + BETA**2 * self.related)
        last = np.append(values[1:] != values[:-1], True) if len(values) else values > 0
        score = np.where(last, score, 0.0)
        if not len(score) or not score.max():
            return THRESHOLD
        best = int(score.argmax())
        below = values[best + 1] if best + 1 < len(values) else THRESHOLD
        return float((values[best] + below) / 2)
