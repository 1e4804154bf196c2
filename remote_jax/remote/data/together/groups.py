"""Which pairs of a post are read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.remote.data.features import Examples
from remote_jax.remote.data.pairs import Pair


def groups(
    posts: Int[np.ndarray, " pairs"],
    objects: Int[np.ndarray, "pairs 2"],
    most: int,
    room: int,
    wide: tuple[int, Bool[np.ndarray, " posts"]] | None = None,
) -> list[list[int]]:
    """The pairs of each group, all of one post; posts in the order of their numbers.

    A post with more pairs than fit is split into groups of about the same size.

    Args:
        posts: the number of each pair's post.
        objects: the numbers of its head and tail as objects, -1 for an entity.
        most: pairs in a group, at most.
        room: objects that are head or tail in a group, at most; 2 or more.
        wide: pairs in a group, at most, of posts whose objects have room; and which posts may have
            so many.
    """
    order = np.argsort(posts, kind="stable")
    starts = np.flatnonzero(np.diff(posts[order], prepend=-1, append=-1))
    found: list[list[int]] = []
    for start, end in pairwise(starts.tolist()):
        pairs = order[start:end].tolist()
        ends = np.unique(objects[pairs])
        fits = wide is not None and wide[1][posts[pairs[0]]] and (ends >= 0).sum() <= room
        found += _split(pairs, objects, wide[0] if wide is not None and fits else most, room)
    return found


def _split(
    pairs: list[int], objects: Int[np.ndarray, "pairs 2"], most: int, room: int
) -> Iterator[list[int]]:
    count = -(-len(pairs) // most)
    size = -(-len(pairs) // count)
    group: list[int] = []
    seen: set[int] = set()
    for pair in pairs:
        ends = {number for number in objects[pair].tolist() if number >= 0}
        if len(group) == size or len(seen | ends) > room:
            yield group
            group, seen = [], set()
        group.append(pair)
        seen |= ends
    yield group


class PairGroups:
    """Random access to groups of pairs, as a data set of examples."""

    def __init__(self, pairs: Examples[Pair], found: Sequence[Sequence[int]]):
        """Takes the pairs, and the places of each group's."""
        self._pairs, self._groups = pairs, found

    def __len__(self) -> int:
        return len(self._groups)

    def located(self, rows: Sequence[int]) -> list[tuple[int, int]]:
        """The group that each of some pairs is in, and its place there."""
        places = {
            row: (number, place)
            for number, group in enumerate(self._groups)
            for place, row in enumerate(group)
        }
        return [places[row] for row in rows]

    def __getitem__(self, index: int) -> tuple[Pair, ...]:
        return tuple([self._pairs[row] for row in self._groups[index]])
