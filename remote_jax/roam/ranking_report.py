"""Reports of a split's ranks: tables by direction and by relation, and one line per query."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from remote_jax.reporting.results import Table
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.ranking import summary

Ranks = Float[np.ndarray, " queries"]


def tables(graph: Graph, split: str, ranks: Ranks) -> list[Table]:
    """Scores by direction and by relation, most frequent first.

    Args:
        graph: whose triples were ranked.
        split: of them.
        ranks: of both queries of each triple, in the order of `ranking.both_directions`.
    """
    relations = graph.splits[split][:, 1]
    found = ranks.reshape(2, -1)  # tails first
    directions = list(zip(("tails", "heads"), found, strict=True))
    counts = np.bincount(relations, minlength=len(graph.relations))
    by_relation = [
        (graph.relations[r], found[:, relations == r].reshape(-1))
        for r in np.argsort(-counts, kind="stable")
        if counts[r]
    ]
    return [
        _table(f"{split}: by direction", "direction", directions),
        _table(f"{split}: by relation", "relation", by_relation),
    ]


def without_leaked(split: str, ranks: Ranks, leaked: Bool[np.ndarray, " n"]) -> list[Table]:
    """Scores with and without rows that stand in training; no table where there are none.

    Args:
        split, ranks: as those of `tables`.
        leaked: which triples of the split stand in training.
    """
    if not leaked.any():
        return []
    rest = ranks[~np.tile(leaked, 2)]
    title = f"{split}: {leaked.sum():,} of {len(leaked):,} rows stand in training"
    return [_table(title, "rows", [("as published", ranks), ("without leaked rows", rest)])]


def rows(graph: Graph, split: str, outputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """A line a query: its triple, the direction asked for, the rank and the probability.

    Args:
        graph, split: as those of `tables`.
        outputs: `rank` and `probability`, in the same order.
    """
    names = [
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.splits[split].tolist()
    ]
    found = zip(outputs["rank"].tolist(), outputs["probability"].tolist(), strict=True)
    for index, (rank, probability) in enumerate(found):
        head, relation, tail = names[index % len(names)]
        direction = "tail" if index < len(names) else "head"
        yield {
            "head": head,
            "relation": relation,
            "tail": tail,
            "direction": direction,
            "rank": rank,
            "probability": probability,
        }


def _table(title: str, first: str, rows: Sequence[tuple[str, Ranks]]) -> Table:
    columns = (first, "MRR", "Hits@1", "Hits@3", "Hits@10", "queries")
    scored = [(name, summary(found), len(found)) for name, found in rows]
    return Table(
        title,
        columns,
        [(name, s["mrr"], s["hits@1"], s["hits@3"], s["hits@10"], n) for name, s, n in scored],
    )
