"""Components of what is joined, but for pairs that a person wants kept apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.cluster.hierarchy import DisjointSet
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from remote_jax.data.files import read_lines
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.errors import Refused, UserError

Side = tuple[str, str] | tuple[str, int]
"""A name and a type, or a post and the place of an object among its mentions."""


@dataclass(frozen=True)
class Edges:
    """Pairs of nodes that are to be joined, the strongest reasons first.

    Attributes:
        why: a place in `merges.REASONS`; smaller is stronger.
        score: in [0, 1].
    """

    one: Int[np.ndarray, " edges"]
    two: Int[np.ndarray, " edges"]
    why: Int[np.ndarray, " edges"]
    score: Float[np.ndarray, " edges"]

    def __len__(self) -> int:
        return len(self.one)

    def chosen(self, rows: Bool[np.ndarray, " edges"] | Int[np.ndarray, " chosen"]) -> Edges:
        return Edges(*(column[rows] for column in vars(self).values()))

    @classmethod
    def joined(cls, parts: Sequence[Edges]) -> Edges:
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        return cls(*map(np.concatenate, columns))


def read(path: Path) -> list[tuple[Side, Side]]:
    """The pairs in a file of JSON lines, which are rows of `merges.jsonl`.

    Raises:
        UserError: a line is no such row, or the file cannot be read.
    """
    found = []
    for number, line in read_lines(path, MAX_LINE):
        try:
            if isinstance(line, Refused):
                raise line
            row = parse(line)
            found.append((_side(row.get("a")), _side(row.get("b"))))
        except Refused as error:
            raise UserError(
                f'{path}, line {number}: {error}; expected a row of merges.jsonl, as {{"a": '
                '{"name": "Ann", "type": "per"}, "b": {"name": "Ann Lee", "type": "per"}}.'
            ) from error
    return found


def _side(value: Any) -> Side:
    if not isinstance(value, Mapping):
        raise Refused(f"a and b must be objects, found {show(value)}")
    if "mention" in value:
        if type(value["mention"]) is not int:
            raise Refused(f"mention must be a whole number, found {show(value['mention'])}")
        return check_text(value.get("post"), "post"), value["mention"]
    kind = value.get("type", "")
    return check_text(value.get("name"), "name"), check_text(kind, "type") if kind else ""


def components(
    nodes: int, edges: Edges, apart: Int[np.ndarray, "pairs 2"]
) -> tuple[Int[np.ndarray, " nodes"], Bool[np.ndarray, " edges"]]:
    """The component of each node, and which edges hold.

    Where edges would bring together a pair that is kept apart, those of its component are taken
    one after the other, the strongest first, and one that would do so is left out.

    Args:
        nodes: how many there are.
        apart: pairs of nodes that must not be in one component.
    """
    holds = np.ones(len(edges), bool)
    labels = _labels(nodes, edges)
    wrong = np.unique(labels[apart[labels[apart[:, 0]] == labels[apart[:, 1]], 0]])
    if not len(wrong):
        return labels, holds
    doubted = np.flatnonzero(np.isin(labels[edges.one], wrong))
    some = edges.chosen(doubted)
    order = np.lexsort((some.two, some.one, -some.score, some.why))
    holds[doubted[order]] = _greedy(some.chosen(order), apart)
    return _labels(nodes, edges.chosen(holds)), holds


def _labels(nodes: int, edges: Edges) -> Int[np.ndarray, " nodes"]:
    matrix = coo_array((np.ones(len(edges), np.int8), (edges.one, edges.two)), (nodes, nodes))
    return connected_components(matrix, directed=False)[1]


def _greedy(edges: Edges, apart: Int[np.ndarray, "pairs 2"]) -> list[bool]:
    """Which edges hold where each is taken unless it joins a pair that is kept apart."""
    sets = DisjointSet(np.unique(np.concatenate([edges.one, edges.two])).tolist())
    enemies: dict[int, set[int]] = defaultdict(set)
    """By the root of a set, the nodes that no node of it may meet."""
    for one, two in apart.tolist():
        enemies[one].add(two)
        enemies[two].add(one)
    holds = []
    for one, two in zip(edges.one.tolist(), edges.two.tolist(), strict=True):
        first, second = sets[one], sets[two]
        if len(enemies[first]) > len(enemies[second]):
            first, second = second, first
        meet = any(node in sets and sets[node] == second for node in enemies[first])
        holds.append(not meet)
        if not meet and first != second:
            both = enemies.pop(first), enemies.pop(second)
            sets.merge(one, two)
            enemies[sets[one]] = both[1] | both[0]
    return holds
