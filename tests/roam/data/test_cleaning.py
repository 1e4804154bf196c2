"""Cleaned splits against plain sets of triples."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.roam.data import cleaning, triples
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.ranking import KnownAnswers

Rows = list[tuple[int, int, int]]


def graph(train: Rows, validation: Rows, test: Rows, entities: int, relations: int) -> Graph:
    splits = {"train": train, "validation": validation, "test": test}
    return Graph(
        tuple(f"e{number}" for number in range(entities)),
        tuple(f"r{number}" for number in range(relations)),
        {name: np.array(rows, np.int32).reshape(-1, 3) for name, rows in splits.items()},
        "",
    )


def rows(found: Graph, split: str) -> Rows:
    return [tuple(row) for row in found.splits[split].tolist()]


def kept(validation: Rows, train: Rows, test: Rows) -> Rows:
    """Rows of validation that are new, each once, in their order."""
    gone = {*train, *test}
    return [row for row in dict.fromkeys(validation) if row not in gone]


def check(before: Graph, after: cleaning.Cleaned, size: int) -> None:
    """Everything that a cleaned graph promises, but for the rule of when triples are drawn."""
    train, validation, test = (rows(before, split) for split in before.splits)
    now, chosen = rows(after.graph, "train"), rows(after.graph, "validation")
    clean = kept(validation, train, test)
    drawn = chosen[len(clean) :]
    learnt, asked, out_of_training = set(train), set(test), set(drawn)
    assert rows(after.graph, "test") == test
    assert chosen[: len(clean)] == clean and len(chosen) == len(set(chosen)) == size
    assert out_of_training <= learnt and not {*chosen} & {*now, *test}
    assert now == [row for row in train if row not in out_of_training]
    # Entities and relations of what was drawn keep a training triple.
    assert {end for h, _, t in drawn for end in (h, t)} <= {e for h, _, t in now for e in (h, t)}
    assert {relation for _, relation, _ in drawn} <= {relation for _, relation, _ in now}
    assert {*now, *chosen, *test} == {*train, *validation, *test}
    for one, other in zip(known(before), known(after.graph), strict=True):
        np.testing.assert_array_equal(one, other)
    out = after.facts["in_training"] + after.facts["in_test"] + after.facts["duplicates"]
    assert len(validation) - out == after.facts["left"] == len(clean)
    assert after.facts["in_training"] == sum(row in learnt for row in validation)
    assert after.facts["in_test"] == sum(row in asked and row not in learnt for row in validation)
    assert after.facts["drawn"] == len(drawn) and after.facts["training"] == len(now)


def known(one: Graph) -> tuple[np.ndarray, ...]:
    found = KnownAnswers.from_splits(one.splits.values(), len(one.relations))
    return found.keys, found.starts, found.answers


TRIPLE = st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(0, 4))


@given(st.lists(TRIPLE, min_size=1), st.lists(TRIPLE, min_size=1), st.lists(TRIPLE, min_size=1))
def test_rows_that_leave_validation(train: Rows, validation: Rows, test: Rows) -> None:
    """So few training triples that none is drawn: 5 % of them are less than one."""
    train = train[:19]
    clean = kept(validation, train, test)
    before = graph(train, validation, test, 5, 2)
    if clean:
        check(before, cleaning.clean(before, 0), len(clean))
    else:
        with pytest.raises(UserError, match="stands in training or in test"):
            cleaning.clean(before, 0)


def planted(
    published: int, in_training: int, again: int, in_test: int, *, train: int = 30_000
) -> Graph:
    """A graph with so many rows of validation of each kind."""
    rng = random.Random(f"{published} {in_training}")
    pool = list({(rng.randrange(900), rng.randrange(9), rng.randrange(900)) for _ in range(60_000)})
    rng.shuffle(pool)
    learnt, rest = pool[:train], pool[train:]
    test, new = rest[:900], rest[900:]
    clean = new[: published - in_training - in_test - again]
    validation = learnt[:in_training] + test[:in_test] + clean + clean[:again]
    rng.shuffle(validation)
    return graph(learnt + learnt[-50:], validation, test + learnt[:7], 900, 9)


@pytest.mark.parametrize(
    ("published", "in_training", "again", "in_test", "size"),
    [
        (9_904, 8_719, 200, 300, 1000),  # as DB15K's: a tenth is left, and filled up
        (9_904, 4_000, 0, 0, 5_904),  # less than all, but enough
        (1_900, 905, 0, 0, 995),  # fewer than 1,000, but more than half
        (652, 300, 0, 10, 342),  # a small graph, more than half
        (652, 330, 0, 10, 1000),
    ],
)
def test_training_triples_are_drawn_where_too_few_are_left(
    published: int, in_training: int, again: int, in_test: int, size: int
) -> None:
    before = planted(published, in_training, again, in_test)
    after = cleaning.clean(before, 3)
    check(before, after, size)
    same, other = cleaning.clean(before, 3), cleaning.clean(before, 4)
    assert rows(same.graph, "train") == rows(after.graph, "train")
    assert (rows(other.graph, "train") == rows(after.graph, "train")) == (not after.facts["drawn"])


def test_at_most_a_twentieth_of_training_is_drawn() -> None:
    before = planted(652, 640, 0, 0, train=4_000)
    check(before, cleaning.clean(before, 0), 12 + 200)


def test_what_is_said_is_counted() -> None:
    before = planted(9_904, 8_719, 200, 300)
    after = cleaning.clean(before, 3)
    (said,) = cleaning.lines(after, 3)
    out = "of 9,904 rows 8,719 stand in training, 300 stand in test, 200 are duplicates"
    assert out in said and "685 are left, and 315 triples drawn from training (seed 3)" in said
    assert f"leaves {len(rows(after.graph, 'train')):,} rows there" in said
    leaked, loops = cleaning.kept_lines(before)
    assert leaked.startswith("7 of 907 test rows stand in training")
    counts = Counter(split for split in before.splits for h, _, t in rows(before, split) if h == t)
    told = ", ".join(f"{count} of {split}" for split, count in counts.items())
    assert loops == f"Rows whose head is their tail: {told}; they are kept"
    clean = planted(652, 0, 0, 0)
    assert cleaning.lines(cleaning.clean(clean, 0), 0) == []


def test_kvc16k(shared: Path) -> None:
    folder = shared / "data" / "mkg" / "kvc16k"
    before = triples.read(folder)
    files = {
        split: [tuple(line.split(" ")[:3]) for line in (folder / name).open(encoding="utf-8")]
        for split, name in (("train", "train.txt"), ("validation", "valid.txt"))
    }
    test = [tuple(line.split(" ")[:3]) for line in (folder / "test.txt").open(encoding="utf-8")]
    clean = kept(files["validation"], files["train"], test)
    after = cleaning.clean(before, 0)
    found = [
        (before.entities[h], before.relations[r], before.entities[t])
        for h, r, t in rows(after.graph, "validation")
    ]
    assert found == clean and len(clean) == 22_485
    assert rows(after.graph, "train") == rows(before, "train")
    learnt = set(files["train"])
    assert sum(row in learnt for row in test) == 48
    assert cleaning.stand_in(before.splits["test"], before.splits["train"]).sum() == 48
    assert cleaning.count_loops(before)["test"] == sum(h == t for h, _, t in test) == 69


@pytest.mark.parametrize("name", ["mkg_y", "umls"])
def test_graphs_whose_splits_are_disjoint_stay_as_they_are(shared: Path, name: str) -> None:
    before = triples.read(shared / "data" / "mkg" / name)
    after = cleaning.clean(before, 0)
    for split in before.splits:
        np.testing.assert_array_equal(after.graph.splits[split], before.splits[split])
