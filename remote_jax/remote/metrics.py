"""Scores of relation extraction as the papers of this field report them (REMOTE §6.3)."""

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.reporting.score import Score


def micro(
    gold: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], relation: int | None = None
) -> Score:
    """Score over all relations other than index 0 (no relation), or over one `relation`.

    A wrong relation where there is another counts against precision and against recall.
    """
    named: Bool[np.ndarray, " n"] = gold > 0 if relation is None else gold == relation
    claimed = predicted > 0 if relation is None else predicted == relation
    hits = named & claimed & (gold == predicted)
    return Score.from_counts(int(hits.sum()), int(claimed.sum()), int(named.sum()))


def summary(
    gold: Int[np.ndarray, " n"], predicted: Int[np.ndarray, " n"], types: Int[np.ndarray, " n"]
) -> dict[str, float]:
    """Accuracy over all pairs, micro scores, and F1 of each triplet type that occurs."""
    overall = micro(gold, predicted)
    result = {
        "accuracy": float((gold == predicted).mean()),
        "precision": overall.precision,
        "recall": overall.recall,
        "f1": overall.f1,
    }
    for number, name in enumerate(TRIPLET_TYPES):
        chosen = types == number
        if chosen.any():
            result[f"f1_{name}"] = micro(gold[chosen], predicted[chosen]).f1
            result[f"accuracy_{name}"] = float((gold == predicted)[chosen].mean())
    return result
