"""Visual graphs G_I = {V_I, E_I} (Graph Encoder, Eq. 2): objects of a picture, how they relate.

Built from boxes and depth. `scene_graph.py` reads those that a detector predicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from remote_jax.data.images import crop
from remote_jax.errors import Refused

NO_EDGE, SELF = 0, 1
"""The first two edge types of every visual graph; those of relations follow."""

SPATIAL_RELATIONS = ("near", "overlapping", "inside", "left of", "above", "in front of")
"""Relations of graphs that are built here."""

NEAR = 0.05
"""Widest gap between boxes that are near each other, as a share of the picture's sides."""
INSIDE = 0.9
"""Share of a box that lies in another one it is inside of."""
IN_FRONT = 0.1
"""Least difference of depth, of 1, between an overlapping box and the one in front of it."""
DEPTH_SAMPLES = 16
"""Side of the grid on which the depth of an object is looked up."""


@dataclass(frozen=True)
class VisualGraph:
    """At most k objects and the relations between them, padded to k.

    Without a picture all of it is empty: no object has mass.

    Attributes:
        boxes: left, top, right, bottom in [0, 1]; zeros where absent.
        mask: which objects there are.
        labels: object classes, 0 where unknown or absent.
        edges: E_I, types of `edge_types`: a relation from row to column, or reversed.
        adjacent: A_I, where there is an edge: symmetric, with self-loops on what is present.
    """

    boxes: Float[np.ndarray, "k 4"]
    mask: Bool[np.ndarray, " k"]
    labels: Int[np.ndarray, " k"]
    edges: Int[np.ndarray, "k k"]
    adjacent: Bool[np.ndarray, "k k"]


def edge_types(relations: Sequence[str]) -> tuple[str, ...]:
    """Names of the edge types of a graph: none, to itself, relations, and relations reversed."""
    return ("none", "self", *relations, *(f"{name} (reversed)" for name in relations))


def from_relations(
    boxes: Float[np.ndarray, "objects 4"],
    labels: Int[np.ndarray, " objects"],
    relations: Iterable[tuple[int, int, int]],
    *,
    count: int,
    size: int,
) -> VisualGraph:
    """The graph of objects and relations (subject, object, relation), the best of them first.

    An edge between two objects is both ways: where the other way has no relation of its own, it is
    this one reversed. Of several relations from one object to another, the first stays.

    Args:
      count: number of relations in the vocabulary.
      size: k, at least the number of objects.
    """
    objects = len(boxes)
    there = np.arange(size) < objects
    edges = np.where(np.eye(size, dtype=bool) & there, SELF, NO_EDGE).astype(np.int32)
    reversed_edges = edges.copy()
    for subject, target, relation in relations:
        if edges[subject, target] == NO_EDGE:
            edges[subject, target] = SELF + 1 + relation
            reversed_edges[target, subject] = SELF + 1 + count + relation
    edges = np.where(edges == NO_EDGE, reversed_edges, edges)
    padding = size - objects
    return VisualGraph(
        boxes=np.pad(boxes.astype(np.float32), ((0, padding), (0, 0))),
        mask=there,
        labels=np.pad(labels.astype(np.int32), (0, padding)),
        edges=edges,
        adjacent=edges != NO_EDGE,
    )


def empty(size: int) -> VisualGraph:
    """The graph of a post without a picture."""
    nothing = np.zeros((0, 4), np.float32)
    return from_relations(
        nothing, np.zeros(0, np.int32), (), count=len(SPATIAL_RELATIONS), size=size
    )


def build(
    boxes: Float[np.ndarray, "objects 4"],
    scores: Float[np.ndarray, " objects"] | None = None,
    depth: UInt8[np.ndarray, "height width"] | None = None,
    *,
    labels: Int[np.ndarray, " objects"] | None = None,
    relations: Sequence[str] = SPATIAL_RELATIONS,
    size: int,
) -> VisualGraph:
    """The graph of `SPATIAL_RELATIONS` between the k most salient objects.

    Args:
      boxes: left, top, right, bottom in [0, 1].
      scores: of the detector; without them, the largest objects are the most salient.
      depth: of the picture, larger is nearer, as `images.read_depth` gives it; without it nothing
        is in front of anything.
      labels: object classes; without them, all are unknown.
      relations: names of the vocabulary; those of `SPATIAL_RELATIONS` that it lacks are left out.
      size: k.

    Raises:
      Refused: a box is not finite, leaves the picture or is empty; a score is not finite.
    """
    boxes = _checked(np.asarray(boxes, np.float32).reshape(-1, 4))
    left, top, right, bottom = boxes.T
    salience = (right - left) * (bottom - top) if scores is None else np.asarray(scores)
    if salience.shape != left.shape or not np.isfinite(salience).all():
        raise Refused(f"expected a finite score for each of {len(boxes)} boxes")
    best = np.argsort(-salience, kind="stable")[:size]
    boxes = boxes[best]
    nearness = None if depth is None else _nearness(depth, boxes)
    number = {name: place for place, name in enumerate(relations)}
    return from_relations(
        boxes,
        np.zeros(len(boxes), np.int32) if labels is None else labels[best],
        [(i, j, number[name]) for name, i, j in _spatial(boxes, nearness) if name in number],
        count=len(relations),
        size=size,
    )


def _checked(boxes: Float[np.ndarray, "objects 4"]) -> Float[np.ndarray, "objects 4"]:
    left, top, right, bottom = boxes.T
    good = np.isfinite(boxes).all(1) & (boxes >= 0).all(1) & (boxes <= 1).all(1)
    good &= (left < right) & (top < bottom)
    if not good.all():
        bad = int(np.argmin(good))
        raise Refused(f"box {bad} must lie within [0, 1] and not be empty: {boxes[bad].tolist()}")
    return boxes


def _nearness(
    depth: UInt8[np.ndarray, "height width"], boxes: Float[np.ndarray, "objects 4"]
) -> Float[np.ndarray, " objects"]:
    """Median depth in each box, of 1."""
    image = Image.fromarray(depth)
    corners = [(x0, y0, x1, y1) for x0, y0, x1, y1 in boxes.tolist()]
    return np.array([np.median(crop(image, box, DEPTH_SAMPLES)) for box in corners]) / 255


def _spatial(
    boxes: Float[np.ndarray, "objects 4"], nearness: Float[np.ndarray, " objects"] | None
) -> list[tuple[str, int, int]]:
    """The one relation of each pair that has any, told by the first rule that holds.

    Boxes that meet: inside, in front of, overlapping. Others: near, left of where they share a
    height, above where one is over the other; else too far apart for an edge.
    """
    found = []
    for first in range(len(boxes)):
        for second in range(first + 1, len(boxes)):
            relation = _relation(boxes, nearness, first, second)
            if relation is not None:
                found.append(relation)
    return found


def _relation(
    boxes: Float[np.ndarray, "objects 4"],
    nearness: Float[np.ndarray, " objects"] | None,
    i: int,
    j: int,
) -> tuple[str, int, int] | None:
    """Name, subject and object of the relation between two boxes."""
    # The gap between two boxes along each axis; where it is negative, they share so much of it.
    starts, ends = boxes[[i, j], :2], boxes[[i, j], 2:]
    gap = starts.max(0) - ends.min(0)
    if (gap < 0).all():
        areas = (ends - starts).prod(1)
        inner, outer = (i, j) if areas[0] <= areas[1] else (j, i)
        if gap.prod() >= INSIDE * areas.min():
            return "inside", inner, outer
        if nearness is not None and abs(nearness[i] - nearness[j]) >= IN_FRONT:
            front, back = (i, j) if nearness[i] > nearness[j] else (j, i)
            return "in front of", front, back
        return "overlapping", i, j
    if gap.max() <= NEAR:
        return "near", i, j
    for axis, name in enumerate(("left of", "above")):
        if gap[1 - axis] < 0:
            before, after = (i, j) if starts[0, axis] < starts[1, axis] else (j, i)
            return name, before, after
    return None
