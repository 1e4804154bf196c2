"""A graph that is kept is read again, whatever its names are."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.roam.data import saved_graph
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.triples import Graph

FEATURES = {"image": Modality(np.ones((3, 5), np.float32), np.ones(3, bool), "abc")}
NAMES = st.lists(
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1),
    min_size=1,
    unique=True,
)


def graph(names=("a", "b", "c"), seed=0):
    rng = np.random.default_rng(seed)
    limits = (len(names), 2, len(names))
    splits = {split: rng.integers(0, limits, (6, 3)) for split in ("train", "validation", "test")}
    return Graph(tuple(names), ("r", "7"), splits, "0f")


@given(NAMES, st.integers(0, 2**32 - 1))
def test_any_names(tmp_path_factory, names, seed):
    folder, written = tmp_path_factory.mktemp("kept"), graph(names, seed)
    saved_graph.write(written, FEATURES, folder)
    again = saved_graph.read_graph(folder)
    assert (again.entities, again.relations) == (written.entities, written.relations)
    assert again.sha256 == "0f"
    for split, rows in written.splits.items():
        np.testing.assert_array_equal(again.splits[split], rows)


def test_facts(tmp_path):
    assert not saved_graph.exists(tmp_path)
    saved_graph.write(graph(), FEATURES, tmp_path)
    assert saved_graph.exists(tmp_path)
    assert saved_graph.read_facts(tmp_path) == saved_graph.Facts(
        3, 2, "0f", {"image": 5}, {"image": "abc"}
    )


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("entities.txt", "a\nb\n", "has 2 names, expected 3"),
        ("train.txt", "0 0 3\n", "none of the graph's"),
        ("train.txt", "0 -1 0\n", "none of the graph's"),
        ("train.txt", "0 0\n", "three ids a line"),
        ("train.txt", "0 x 0\n", "three ids a line"),
        ("train.txt", "0 99999999999 0\n", "three ids a line"),
        ("facts.json", "{}", "has no 'entities'"),
        ("facts.json", "[]", "expected an object"),
    ],
)
def test_what_was_not_written_so(tmp_path, file, content, reason):
    saved_graph.write(graph(), FEATURES, tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=reason):
        saved_graph.read_graph(tmp_path)


@pytest.mark.parametrize("length", [0, -1, 2.5, "3", True])
def test_lengths(tmp_path, length):
    saved_graph.write(graph(), FEATURES, tmp_path)
    facts = json.loads((tmp_path / "facts.json").read_text())
    (tmp_path / "facts.json").write_text(json.dumps({**facts, "lengths": {"image": length}}))
    with pytest.raises(UserError, match="positive"):
        saved_graph.read_facts(tmp_path)
