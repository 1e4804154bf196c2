"""What triples of validation and test have in training: themselves, their reverse, their pair."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.reporting import counting
from remote_jax.reporting.results import Table
from remote_jax.roam.data.cleaning import stand_in
from remote_jax.roam.data.layouts.names import Triples
from remote_jax.roam.data.triples import Graph


def of_rows(graph: Graph, split: str) -> dict[str, Bool[np.ndarray, " triples"]]:
    """Which rows of a split are affected, by question."""
    train, rows = graph.splits["train"], graph.splits[split]
    reverse = rows[:, ::-1]
    known, itself = _pairs(graph, train), stand_in(rows, train)
    trained = np.zeros(len(graph.relations), bool)
    trained[train[:, 1]] = True
    return {
        "rows that stand in training": itself,
        "rows whose reverse has any relation in training": np.isin(_pairs(graph, reverse), known),
        "rows whose reverse has their relation in training": stand_in(reverse, train),
        "rows whose pair has another relation in training, and not theirs": (
            np.isin(_pairs(graph, rows), known) & ~itself
        ),
        "rows with an entity without a training triple": ~graph.seen[rows[:, [0, 2]]].all(1),
        "rows with a relation without a training triple": ~trained[rows[:, 1]],
    }


def overlaps(graph: Graph) -> Table:
    """What splits have in common."""
    kinds = {
        "triples": {split: map(tuple, rows.tolist()) for split, rows in graph.splits.items()},
        "pairs of head and tail": {
            split: _pairs(graph, rows).tolist() for split, rows in graph.splits.items()
        },
        "entities": {
            split: rows[:, [0, 2]].ravel().tolist() for split, rows in graph.splits.items()
        },
        "relations": {split: rows[:, 1].tolist() for split, rows in graph.splits.items()},
    }
    return counting.overlaps(
        [row for what, keys in kinds.items() for row in counting.shared(what, keys)]
    )


def repeated(rows: Triples) -> int:
    """Rows that stand before already."""
    return len(rows) - len(np.unique(rows, axis=0))


def loops(rows: Triples) -> int:
    """Rows whose head is their tail."""
    return int((rows[:, 0] == rows[:, 2]).sum())


def pairs_of_several(graph: Graph, rows: Triples) -> int:
    """Pairs of head and tail that have two relations and more."""
    _, counts = np.unique(_pairs(graph, np.unique(rows, axis=0)), return_counts=True)
    return int((counts > 1).sum())


def _pairs(graph: Graph, rows: Triples) -> Int[np.ndarray, " triples"]:
    """A number for each pair of head and tail."""
    return rows[:, 0].astype(np.int64) * len(graph.entities) + rows[:, 2]
