"""Splits drawn from one file: seeded, without leaks, and with all names left in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.layouts import holdout
from remote_jax.roam.data.triples import Options, fingerprint, read

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 6)), min_size=1)


@settings(max_examples=60)
@given(ROWS, st.floats(0.01, 0.4), st.integers(0, 9))
def test_every_name_keeps_a_training_triple(rows: list, share: float, seed: int) -> None:
    triples = np.array(rows, np.int32)
    try:
        found = holdout.split(triples, share, seed)
    except Refused:
        return
    parts = {name: [tuple(row) for row in part.tolist()] for name, part in found.items()}
    assert sorted(row for part in parts.values() for row in part) == sorted(rows)
    sets = [set(part) for part in parts.values()]
    assert not (sets[0] & sets[1] or sets[0] & sets[2] or sets[1] & sets[2])
    assert all(sets) and len(sets[1]) == len(sets[2]) <= max(1, round(share * len(set(rows))))
    for places in ([0, 2], [1]):
        assert {row[p] for row in rows for p in places} == {
            row[p] for row in parts["train"] for p in places
        }
    again = holdout.split(triples, share, seed)
    assert all((again[name] == found[name]).all() for name in found)


def graph(folder: Path, rows: list[str]) -> Path:
    (folder / "train.txt").write_text("".join(f"{row}\n" for row in rows))
    return folder


def test_one_file_is_split_on_request(tmp_path: Path) -> None:
    pairs = [f"e{i} r{(i + j) % 2} e{j}" for i in range(12) for j in range(12) if i != j]
    graph(tmp_path, pairs)
    with pytest.raises(
        UserError, match=r"no validation triples .* set --config\.data\.holdout=0\.1"
    ):
        read(tmp_path)
    options = Options(holdout=0.1, seed=3)
    found = read(tmp_path, options)
    assert [len(rows) for rows in found.splits.values()] == [106, 13, 13]
    assert found.sha256 == fingerprint(tmp_path, options)
    assert found.sha256 != read(tmp_path, Options(holdout=0.1, seed=4)).sha256
    counts = found.facts
    assert counts["entities_not_in_training"] == 0 and not found.unseen_relations
    (tmp_path / "test.txt").write_text("e1 r1 e2\n")
    with pytest.raises(UserError, match=r"has train\.txt and test\.txt; config\.data\.holdout"):
        read(tmp_path, options)


def test_a_graph_without_a_triple_to_spare(tmp_path: Path) -> None:
    graph(tmp_path, ["a r b", "c r d"])
    with pytest.raises(UserError, match=r"train\.txt: no two triples can be held out"):
        read(tmp_path, Options(holdout=0.1))
