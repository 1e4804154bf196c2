"""Graphs built from boxes and depth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.eega.graphs.visual_graph import (
    NO_EDGE,
    SELF,
    SPATIAL_RELATIONS,
    build,
    edge_types,
    empty,
    from_relations,
)
from remote_jax.errors import Refused

TYPES = edge_types(SPATIAL_RELATIONS)
BIG = [0.1, 0.1, 0.6, 0.6]
SMALL = [0.2, 0.2, 0.3, 0.3]


def names(graph):
    """Names of the edges between different objects."""
    found = {}
    for i, j in zip(*np.nonzero(graph.adjacent), strict=True):
        if i != j:
            found[int(i), int(j)] = TYPES[graph.edges[i, j]]
    return found


@pytest.mark.parametrize(
    ("second", "first_to_second", "second_to_first"),
    [
        (SMALL, "inside (reversed)", "inside"),
        ([0.5, 0.5, 0.9, 0.9], "overlapping", "overlapping (reversed)"),
        ([0.62, 0.1, 0.8, 0.5], "near", "near (reversed)"),
        ([0.8, 0.3, 0.9, 0.9], "left of", "left of (reversed)"),
        ([0.3, 0.8, 0.5, 0.9], "above", "above (reversed)"),
        ([0.8, 0.8, 0.9, 0.9], None, None),
    ],
)
def test_relations_of_two_boxes(second, first_to_second, second_to_first):
    found = names(build(np.array([BIG, second]), size=2))
    assert found.get((0, 1)) == first_to_second
    assert found.get((1, 0)) == second_to_first


def test_the_nearer_of_two_overlapping_boxes_is_in_front():
    boxes = np.array([[0.0, 0.0, 0.6, 1.0], [0.4, 0.0, 1.0, 0.9]])
    depth = np.zeros((10, 10), np.uint8)
    depth[:, 5:] = 200
    graph = build(boxes, depth=depth, size=2)
    assert names(graph) == {(0, 1): "in front of (reversed)", (1, 0): "in front of"}
    flat = build(boxes, depth=np.full((10, 10), 7, np.uint8), size=2)
    assert names(flat)[0, 1] == "overlapping"


def test_the_most_salient_objects_stay_by_score_or_by_size():
    boxes = np.array([SMALL, BIG, [0.7, 0.7, 0.9, 0.9]])
    np.testing.assert_allclose(build(boxes, size=2).boxes, boxes[[1, 2]], rtol=1e-6)
    scored = build(boxes, np.array([0.9, 0.1, 0.8]), size=2)
    np.testing.assert_allclose(scored.boxes, boxes[[0, 2]], rtol=1e-6)


@given(st.lists(st.tuples(*[st.floats(0, 0.49)] * 2, *[st.floats(0.5, 1)] * 2), max_size=12))
def test_any_graph_is_symmetric_padded_and_has_self_loops(boxes):
    graph = build(np.array(boxes).reshape(-1, 4), size=10)
    count = min(len(boxes), 10)
    assert graph.boxes.shape == (10, 4) and graph.edges.shape == (10, 10)
    np.testing.assert_array_equal(graph.mask, np.arange(10) < count)
    np.testing.assert_array_equal(graph.adjacent, graph.adjacent.T)
    np.testing.assert_array_equal(graph.adjacent, graph.edges != NO_EDGE)
    np.testing.assert_array_equal(np.diag(graph.edges) == SELF, graph.mask)
    assert not graph.adjacent[count:].any() and graph.edges.max(initial=0) < len(TYPES)
    half = len(SPATIAL_RELATIONS)
    forward = (graph.edges > SELF) & (graph.edges <= SELF + half)
    np.testing.assert_array_equal(
        np.where(forward, graph.edges + half, 0).T[forward.T], graph.edges[forward.T]
    )


def test_without_a_picture_nothing_has_mass():
    graph = empty(3)
    assert not graph.mask.any() and not graph.adjacent.any() and not graph.boxes.any()


def test_a_relation_the_other_way_keeps_its_own_name_and_the_best_comes_first():
    boxes, labels = np.array([BIG, SMALL]), np.array([1, 2])
    graph = from_relations(boxes, labels, [(0, 1, 2), (0, 1, 0), (1, 0, 1)], count=3, size=3)
    assert graph.edges[0, 1] == SELF + 3 and graph.edges[1, 0] == SELF + 2
    assert graph.labels.tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        ([[0, 0, 1.2, 1]], None, "box 0 must lie within"),
        ([BIG, [0.5, 0.5, 0.5, 0.9]], None, "box 1 must lie within"),
        ([[0, float("nan"), 1, 1]], None, "box 0"),
        ([BIG], [float("nan")], "finite score"),
        ([BIG], [1.0, 2.0], "each of 1 boxes"),
    ],
)
def test_bad_boxes_are_refused(boxes, scores, message):
    with pytest.raises(Refused, match=message):
        build(np.array(boxes), None if scores is None else np.array(scores), size=4)
