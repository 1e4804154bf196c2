"""What a person reads about the listed pairs of a split: tables of scores, and predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from remote_jax.remote import metrics
from remote_jax.remote.data.dataset import PairRecords
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Pair
from remote_jax.remote.gauges import STREAMS
from remote_jax.reporting.results import Table
from remote_jax.reporting.score import most_frequent_first, score_table
from remote_jax.task import Outputs


def tables(
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


def rows(
    records: PairRecords, relations: Sequence[str], outputs: Outputs
) -> Iterator[dict[str, Any]]:
    """A line a pair: where it is written, head and tail, gold and predicted relation.

    `spans` are words [start, end) of head and tail, null for an object; `objects` are their numbers
    among the `boxes` (left, top, right, bottom in [0, 1]), -1 for an entity. `experts` are the
    weights of Eq. 11 where the pair is read out, for each modality whose router had a choice: of
    its own last level, if that takes part, and of the levels of the other one.

    Args:
        outputs: of these pairs, and of others after them, calibrated.
    """
    for index in range(len(records)):
        pair: Pair = records[index]
        yield {
            "file": pair.file,
            "line": pair.line,
            "image": pair.image,
            "tokens": list(pair.tokens),
            "type": TRIPLET_TYPES[pair.type],
            "head": pair.head.name,
            "tail": pair.tail.name,
            "spans": [pair.head.span, pair.tail.span],
            "objects": [pair.head.object, pair.tail.object],
            "boxes": [[round(edge, 4) for edge in box] for box in pair.boxes.tolist()],
            "relation": relations[pair.label],
            "predicted": relations[int(outputs["label"][index])],
            "probability": round(float(outputs["probability"][index]), 6),
            "experts": _experts(outputs, index),
        }


def _experts(outputs: Outputs, index: int) -> dict[str, list[float]]:
    rows = {name: outputs[name][index].tolist() for name in STREAMS if name in outputs}
    return {
        name: [round(weight, 6) for weight in row] for name, row in rows.items() if row[0] == row[0]
    }
