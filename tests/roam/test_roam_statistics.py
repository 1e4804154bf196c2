"""Statistics of graphs: one whose faults are known by hand, and published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_graph

from remote_jax.reporting.statistics import Statistics
from remote_jax.roam.data import triples
from remote_jax.roam.statistics import leaks, make, tables

FACTS = {
    "train": [
        *("a likes b", "a likes b", "b likes a", "c likes c"),
        *("a knows b", "a knows c", "a knows d"),
        *("a in x", "b in x", "c in x", "d in x"),
    ],
    "valid": ["a likes b", "b knows a", "e new a"],
    "test": ["c likes a", "b likes a", "a in b", "e in x"],
}
# Mean tails of a head and heads of a tail, without duplicates: likes 1 and 1, knows 3 and 1, in 1
# and 4.


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    folder = tmp_path_factory.mktemp("graph")
    for split, rows in FACTS.items():
        lines = ("\t".join(row.split()) + "\n" for row in rows)
        (folder / f"{split}.txt").write_text("".join(lines))
    np.savez(folder / "image.npz", features=np.eye(3), ids=np.array(["a", "b", "x"]))
    return make.statistics(small_graph.config(folder, folder / "cache"), None)


def table(found: Statistics, title: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for one in found.tables if one.title == title for row in one.rows]


def test_table_6(found: Statistics) -> None:
    assert table(found, "Table 6 of ROAM") == [("tiny", 6, 4, 11, 3, 4, "3 / -")]


def test_what_is_in_each_split(found: Statistics) -> None:
    """Pairs with several relations: a and b."""
    assert table(found, "Splits") == [
        ("train", 11, 5, 3, 1, 1, 1),
        ("validation", 3, 3, 3, 0, 0, 0),
        ("test", 4, 5, 2, 0, 0, 0),
    ]


def test_leaks(found: Statistics) -> None:
    rows = table(found, "Validation and test against training")
    assert {what: (validation, test) for what, validation, _, test, _ in rows} == {
        "rows that stand in training": (1, 1),  # a likes b; b likes a
        # of a likes b and b knows a; of c likes a, b likes a and a in b
        "rows whose reverse has any relation in training": (2, 3),
        "rows whose reverse has their relation in training": (2, 1),
        "rows whose pair has another relation in training, and not theirs": (1, 1),
        "rows with an entity without a training triple": (1, 1),  # e
        "rows with a relation without a training triple": (1, 0),  # new
    }
    assert rows[0][2] == pytest.approx(1 / 3) and rows[0][4] == 0.25


def test_what_splits_share(found: Statistics) -> None:
    rows = table(found, "Overlaps between splits")
    shared = {(what, split, other): n for what, split, _, other, n, _ in rows}
    assert shared["triples", "test", "train"] == 1
    assert shared["pairs of head and tail", "test", "train"] == 2
    assert shared["entities", "validation", "train"] == 2
    assert shared["relations", "validation", "train"] == 2


def test_kinds_of_relations(found: Statistics) -> None:
    rows = table(found, "Kinds of relations in training: N from a mean of 1.5")
    assert rows == [
        ("1-1", 1, 4, 1, 2),
        ("1-N", 1, 3, 1, 0),
        ("N-1", 1, 4, 0, 2),
        ("N-N", 0, 0, 0, 0),
        ("without a training triple", 1, 0, 1, 0),
    ]
    assert table(found, "Relations")[0] == ("likes", "1-1", 7, 4, 1, 2)
    assert found.distributions[0].kinds[0] == "likes"


def test_degrees(found: Statistics) -> None:
    """Of a, b, c, d, x and e: 7, 5, 4, 2, 4, 0."""
    rows = {row[0]: row[1:] for row in table(found, "Degrees")}
    assert rows["of an entity"] == (6, 1, 4, 7, 7, 7)
    assert rows["of an entity as tail"] == (6, 1, 1, 4, 4, 4)
    assert rows["of a relation"] == (4, 1, 3, 4, 4, 4)


def test_features(found: Statistics) -> None:
    """Rows of training that name c or d: five; of validation one, of test two."""
    (row,) = table(found, "Features in files")
    assert row == ("image", 3, 3, 3, 5, 1, 2)


def plainly(rows: set[tuple[int, ...]]) -> dict[int, str]:
    """Kinds of relations, by the definition of Bordes et al."""
    by_relation: dict[int, list[tuple[int, ...]]] = {}
    for row in rows:
        by_relation.setdefault(row[1], []).append(row)
    kinds = {}
    for relation, some in by_relation.items():
        heads, tails = (len(some) / len({row[end] for row in some}) for end in (2, 0))
        kinds[relation] = "-".join("N" if mean >= 1.5 else "1" for mean in (heads, tails))
    return kinds


@pytest.mark.parametrize(("name", "test"), [("mkg_w", 2_665), ("mkg_y", 2_663)])
def test_published_graphs(shared: Path, name: str, test: int) -> None:
    """Against Table 6, but for what the paper has wrong, and against plain counts."""
    graph = triples.read(shared / "data" / "mkg" / name)
    ours, paper = tables.table_6(graph, {}, name, name).rows
    assert ours[1:4] == paper[1:4] and paper[5] == test
    train, rows = ([*map(tuple, graph.splits[split].tolist())] for split in ("train", "test"))
    known, pairs = set(train), {(h, t) for h, _, t in train}
    found = {what: int(some.sum()) for what, some in leaks.of_rows(graph, "test").items()}
    assert list(found.values())[:4] == [
        sum(row in known for row in rows),
        sum((t, h) in pairs for h, _, t in rows),
        sum((t, r, h) in known for h, r, t in rows),
        sum((h, t) in pairs and (h, r, t) not in known for h, r, t in rows),
    ]
    kinds = tables.of_relations(graph).tolist()
    assert all(tables.KINDS[kinds[r]] == kind for r, kind in plainly(known).items())
    if name == "mkg_y":
        assert found["rows with an entity without a training triple"] == 388
