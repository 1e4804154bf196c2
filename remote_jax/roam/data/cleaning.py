"""Validation that a checkpoint can be chosen by: without rows of training and of test.

Rows of validation that stand in training reward what is learnt by heart, and rows of test make a
choice on validation a choice on test. Test stays as it was published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts import holdout
from remote_jax.roam.data.layouts.names import Triples
from remote_jax.roam.data.triples import Graph

ENOUGH = 1000
"""Rows of validation that are enough to choose by, however few of those published they are."""
SHARE = 0.05
"""Most of the training triples that are drawn for validation."""


@dataclass(frozen=True)
class Cleaned:
    """A graph to train on and to choose by.

    Attributes:
        graph: with the splits that are used.
        facts: what was left out and drawn, as JSON values; empty for a graph as published.
    """

    graph: Graph
    facts: Mapping[str, int] = field(default_factory=dict)


def clean(graph: Graph, seed: int) -> Cleaned:
    """Takes rows out of validation that stand in training, in test, or in validation before.

    Where that leaves less than half of the rows and fewer than `ENOUGH`, training triples are drawn
    until there are `ENOUGH`, at most `SHARE` of them. They leave training. None stands in test, and
    their entities and relations keep another training triple.

    Args:
        graph: as published.
        seed: of the draw.

    Raises:
        UserError: validation would be empty.
    """
    train, rows, test = (graph.splits[split] for split in ("train", "validation", "test"))
    in_training = stand_in(rows, train)
    in_test = stand_in(rows, test) & ~in_training
    again = _repeated(rows) & ~in_training & ~in_test
    left = rows[~(in_training | in_test | again)]
    drawn = np.zeros(len(train), bool)
    if len(left) < min(ENOUGH, len(rows) / 2):
        drawn = _draw(train, test, ENOUGH - len(left), seed)
    validation = np.concatenate([left, np.unique(train[drawn], axis=0)])
    if not len(validation):
        raise UserError(
            f"Every one of {len(rows):,} validation triples stands in training or in test, and no "
            "training triple can be held out in its place: write other ones, or set data.clean to "
            "false."
        )
    splits = {"train": train[~drawn], "validation": validation, "test": test}
    facts = {
        "published": len(rows),
        "in_training": int(in_training.sum()),
        "in_test": int(in_test.sum()),
        "duplicates": int(again.sum()),
        "left": len(left),
        "drawn": len(validation) - len(left),
        "training": len(splits["train"]),
    }
    return Cleaned(replace(graph, splits=splits), facts)


def stand_in(rows: Triples, others: Triples) -> Bool[np.ndarray, " rows"]:
    """Which rows are among others."""
    known = {row.tobytes() for row in others}
    return np.array([row.tobytes() in known for row in rows], bool)


def _repeated(rows: Triples) -> Bool[np.ndarray, " rows"]:
    """Which rows stand before already."""
    found = np.ones(len(rows), bool)
    found[np.unique(rows, axis=0, return_index=True)[1]] = False
    return found


def _draw(train: Triples, test: Triples, wanted: int, seed: int) -> Bool[np.ndarray, " train"]:
    """The training rows of at most so many triples that training can spare."""
    distinct, group = np.unique(train, axis=0, return_inverse=True)
    most = min(wanted, int(SHARE * len(distinct)))
    held = holdout.spare(distinct, most, seed, barred=stand_in(distinct, test))
    return np.isin(group.reshape(-1), held)


def lines(cleaned: Cleaned, seed: int) -> list[str]:
    """Lines for a person; none where nothing was left out."""
    facts = cleaned.facts
    out = {
        "in_training": "stand in training",
        "in_test": "stand in test",
        "duplicates": "are duplicates",
    }
    told = [f"{facts[key]:,} {what}" for key, what in out.items() if facts.get(key)]
    if not told:
        return []
    said = f"Validation is cleaned: of {facts['published']:,} rows {', '.join(told)}; "
    said += f"{facts['left']:,} are left"
    if facts["drawn"]:
        said += (
            f", and {facts['drawn']:,} triples drawn from training (seed {seed}) are added, which "
            f"leaves {facts['training']:,} rows there"
        )
    return [f"{said}. data.clean=false takes the splits as published"]


def kept_lines(graph: Graph) -> list[str]:
    """Lines on what stays as published: rows of test that are in training, and loops."""
    rows = graph.splits["test"]
    leaked = int(stand_in(rows, graph.splits["train"]).sum())
    said = []
    if leaked:
        said.append(
            f"{leaked:,} of {len(rows):,} test rows stand in training. Test stays as published; "
            "scores without these rows stand beside its scores"
        )
    if loops := count_loops(graph):
        told = ", ".join(f"{count:,} of {split}" for split, count in loops.items())
        said.append(f"Rows whose head is their tail: {told}; they are kept")
    return said


def count_loops(graph: Graph) -> dict[str, int]:
    """Rows whose head is their tail by split, where there are any."""
    counts = {split: int((rows[:, 0] == rows[:, 2]).sum()) for split, rows in graph.splits.items()}
    return {split: count for split, count in counts.items() if count}
