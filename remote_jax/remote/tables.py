"""What a person reads about the listed pairs of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from remote_jax.remote import metrics
from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.reporting.results import Table
from remote_jax.reporting.score import most_frequent_first, score_table


def score_tables(
    split: str,
    gold: Int[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    types: Int[np.ndarray, " n"],
    relations: Sequence[str],
) -> list[Table]:
    """Scores by relation, most frequent first, and by triplet type (§6.3)."""
    by_relation = [
        (name, metrics.micro(gold, predicted, relation=index))
        for index, name in enumerate(relations)
        if index > 0 and ((gold == index) | (predicted == index)).any()
    ]
    by_type = [
        (name, metrics.micro(gold[types == index], predicted[types == index]))
        for index, name in enumerate(TRIPLET_TYPES)
        if (types == index).any()
    ]
    return [
        score_table(
            f"{split}: by relation",
            most_frequent_first(by_relation),
            name="relation",
            support="pairs",
        ),
        score_table(f"{split}: by triplet type", by_type, name="type", support="pairs"),
    ]
