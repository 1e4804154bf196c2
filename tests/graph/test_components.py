"""Components, and pairs that are kept apart."""

import json

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.graph.linking import apart
from remote_jax.graph.linking.apart import Edges, components

COUNT = 8
NODE = st.integers(0, COUNT - 1)
EDGE = st.tuples(NODE, NODE, st.integers(0, 2), st.floats(0, 1))
PAIR = st.tuples(NODE, NODE).filter(lambda pair: pair[0] != pair[1])


def edges(rows):
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    return Edges(*(np.array(one, kind) for one, kind in zip(columns, "qqqd", strict=True)))


def parts(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in labels}


@given(st.lists(EDGE, max_size=12))
def test_without_pairs_they_are_those_of_networkx(rows):
    graph = networkx.Graph([row[:2] for row in rows])
    graph.add_nodes_from(range(COUNT))
    labels, holds = components(COUNT, edges(rows), np.zeros((0, 2), np.int64))
    assert parts(labels) == {frozenset(one) for one in networkx.connected_components(graph)}
    assert holds.all()


@given(st.lists(EDGE, max_size=14), st.lists(PAIR, max_size=5))
def test_pairs_are_kept_apart_and_no_edge_is_dropped_without_need(rows, pairs):
    labels, holds = components(COUNT, edges(rows), np.array(pairs, np.int64).reshape(-1, 2))
    assert not any(labels[one] == labels[two] for one, two in pairs)
    for row, held in zip(rows, holds, strict=True):
        one, two = labels[row[0]], labels[row[1]]
        assert (one == two) == held
        if not held:  # joining these two would bring a pair together
            assert any({labels[x], labels[y]} == {one, two} for x, y in pairs)


@given(st.lists(EDGE, max_size=14), st.lists(PAIR, max_size=5), st.randoms())
def test_the_order_of_edges_does_not_count(rows, pairs, random):
    barred = np.array(pairs, np.int64).reshape(-1, 2)
    mixed = random.sample(rows, len(rows))
    first, second = (components(COUNT, edges(one), barred)[0] for one in (rows, mixed))
    assert parts(first) == parts(second)


def test_the_strongest_edges_hold():
    rows = [(0, 1, 1, 0.9), (1, 2, 0, 0.1), (2, 3, 1, 0.8)]
    labels, holds = components(4, edges(rows), np.array([[0, 3]]))
    assert holds.tolist() == [True, True, False] and labels[0] != labels[3]


def test_rows_of_merges_are_read(tmp_path):
    path = tmp_path / "wrong.jsonl"
    rows = [
        {"a": {"name": "Ann", "type": "per"}, "b": {"name": "Ann Lee", "type": ""}, "why": "x"},
        {"a": {"post": "p3", "mention": 2, "box": [0, 0, 1, 1]}, "b": {"name": "Bob"}},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert apart.read(path) == [(("Ann", "per"), ("Ann Lee", "")), (("p3", 2), ("Bob", ""))]


@pytest.mark.parametrize("line", ['{"a": 3}', "[]", '{"a": {"name": ""}}', '{"a": {"mention": 1}}'])
def test_other_rows_are_refused(tmp_path, line):
    path = tmp_path / "wrong.jsonl"
    path.write_text(line)
    with pytest.raises(UserError, match=r"wrong\.jsonl, line 1: .*expected a row of merges"):
        apart.read(path)
