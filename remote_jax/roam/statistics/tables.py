"""Table 6 of ROAM, what is in each split, kinds of relations, degrees, and features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Int

from remote_jax.reporting.counting import percentiles
from remote_jax.reporting.results import Table
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.layouts.names import Triples
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.statistics import leaks

PAPER = {
    "mkg_w": ("MKG-W in the paper", 15_000, 169, 34_196, 4_276, 2_665, "256 / 256"),
    "mkg_y": ("MKG-Y in the paper", 15_000, 28, 21_310, 2_663, 2_663, "256 / 256"),
    "db15k": ("DB15K in the paper", 12_842, 279, 79_222, 9_902, 9_904, "4096 / 768"),
    "kvc16k": ("KVC16K in the paper", 16_015, 4, 180_190, 22_523, 22_525, "768 / 768"),
}
"""Rows of Table 6, by name of the data; `data.builders` says where the releases differ."""

MANY = 1.5
"""Mean number of tails of a head, or of heads of a tail, from which on a relation has many."""

KINDS = ("1-1", "1-N", "N-1", "N-N")


def table_6(graph: Graph, features: Mapping[str, Modality], data: str, paper: str) -> Table:
    """Table 6, and beside it what the paper says.

    Args:
        features: those in files.
        data: its name.
        paper: of the data, which the table may have.
    """
    splits = (len(graph.splits[split]) for split in ("train", "validation", "test"))
    lengths = (features[name].values.shape[1] if name in features else "-" for name in _KINDS)
    row = (
        *(data, len(graph.entities), len(graph.relations)),
        *(*splits, " / ".join(map(str, lengths))),
    )
    columns = ("data", "#Entities", "#Relations", "Train", "Valid", "Test", "Img/Text Dim")
    return Table("Table 6 of ROAM", columns, [row, *([PAPER[paper]] if paper in PAPER else [])])


_KINDS = ("image", "text")


def contents(graph: Graph) -> Table:
    """What is in each split."""
    rows = []
    for split, triples in graph.splits.items():
        entities, relations = len(np.unique(triples[:, [0, 2]])), len(np.unique(triples[:, 1]))
        several = leaks.pairs_of_several(graph, triples)
        repeated, loops = leaks.repeated(triples), leaks.loops(triples)
        rows.append((split, len(triples), entities, relations, repeated, loops, several))
    columns = ("split", "triples", "entities", "relations", "duplicates", "head is tail")
    return Table("Splits", (*columns, "pairs with several relations"), rows)


def leaked(graph: Graph) -> Table:
    """What rows of validation and test have in training, and what training lacks of them."""
    splits = [split for split in graph.splits if split != "train"]
    found = {split: leaks.of_rows(graph, split) for split in splits}
    rows = []
    for what in found[splits[0]]:
        counts = [int(found[split][what].sum()) for split in splits]
        shares = [float(found[split][what].mean()) for split in splits]
        rows.append((what, *(x for both in zip(counts, shares, strict=True) for x in both)))
    columns = [name for split in splits for name in (split, f"share of {split}")]
    return Table("Validation and test against training", ("", *columns), rows)


def kinds(graph: Graph) -> Table:
    """Relations by how many tails a head has and how many heads a tail (Bordes et al. 2013)."""
    kind = of_relations(graph)
    rows = []
    for number, name in enumerate((*KINDS, "without a training triple")):
        chosen = kind == number
        counts = (int(chosen[triples[:, 1]].sum()) for triples in graph.splits.values())
        rows.append((name, int(chosen.sum()), *counts))
    title = f"Kinds of relations in training: N from a mean of {MANY}"
    return Table(title, ("kind", "relations", *graph.splits), rows)


def of_relations(graph: Graph) -> Int[np.ndarray, " relations"]:
    """The kind of each relation, a place in `KINDS`; after the last without a training triple."""
    train, size = np.unique(graph.splits["train"], axis=0), len(graph.relations)
    count = np.bincount(train[:, 1], minlength=size)
    heads, tails = (_distinct(train[:, [end, 1]], size) for end in (0, 2))
    many_tails, many_heads = (count >= MANY * np.maximum(x, 1) for x in (heads, tails))
    return np.where(count > 0, many_tails + 2 * many_heads, len(KINDS))


def _distinct(ends: Int[np.ndarray, "triples 2"], relations: int) -> Int[np.ndarray, " relations"]:
    """How many ends each relation has."""
    return np.bincount(np.unique(ends, axis=0)[:, 1], minlength=relations)


def degrees(graph: Graph) -> Table:
    """Training triples of entities and relations."""
    train, entities = graph.splits["train"], len(graph.entities)
    heads, tails = (np.bincount(train[:, end], minlength=entities) for end in (0, 2))
    relations = np.bincount(train[:, 1], minlength=len(graph.relations))
    rows = [
        (what, len(counts), int((counts == 0).sum()), *percentiles(counts.tolist()))
        for what, counts in (
            ("of an entity", heads + tails),
            ("of an entity as head", heads),
            ("of an entity as tail", tails),
            ("of a relation", relations),
        )
    ]
    columns = ("training triples", "count", "with none", "median", "90 %", "99 %", "most")
    return Table("Degrees", columns, rows)


def features(graph: Graph, found: Mapping[str, Modality]) -> Table:
    """Which entities have features, and which rows name one that has none."""
    rows = []
    for name, modality in found.items():
        there = modality.present
        lacking = (_lacking(triples, ~there) for triples in graph.splits.values())
        count = int(there.sum())
        rows.append((name, modality.values.shape[1], count, len(there) - count, *lacking))
    columns = ("modality", "numbers", "entities with", "without")
    lacks = (f"{split} rows that lack one" for split in graph.splits)
    return Table("Features in files", (*columns, *lacks), rows)


def _lacking(triples: Triples, absent: np.ndarray) -> int:
    return int(absent[triples[:, [0, 2]]].any(1).sum())


def relations(graph: Graph) -> Table:
    """Triples of each relation, most frequent first."""
    return Table("Relations", ("relation", "kind", "triples", *graph.splits), by_relation(graph))


def by_relation(graph: Graph) -> list[tuple[str, str, int, *tuple[int, ...]]]:
    """Of each relation its name and kind, its triples, and those of each split."""
    size, kind = len(graph.relations), of_relations(graph)
    counts = [np.bincount(rows[:, 1], minlength=size) for rows in graph.splits.values()]
    total = np.sum(counts, axis=0)
    names = (*KINDS, "")
    return [
        (graph.relations[r], names[kind[r]], int(total[r]), *(int(some[r]) for some in counts))
        for r in np.argsort(-total, kind="stable")
    ]
