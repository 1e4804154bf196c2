"""Posts that share something are a group; groups are dealt out to splits."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from remote_jax.data.release import SPLITS


@dataclass(frozen=True)
class Assignment:
    """Which group and split each post is in.

    Attributes:
        groups: of each post, numbered by the first post in them.
        splits: of each post, as places in `SPLITS`.
    """

    groups: Int[np.ndarray, " posts"]
    splits: Int[np.ndarray, " posts"]


def group(count: int, links: Sequence[Int[np.ndarray, "links 2"]]) -> Int[np.ndarray, " posts"]:
    """The group of each of `count` posts, where linked posts are in the same one."""
    rows, columns = np.concatenate([np.zeros((0, 2), np.int64), *links]).T
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def assign(
    groups: Int[np.ndarray, " posts"],
    shares: Mapping[str, Fraction],
    seed: int,
    before: Int[np.ndarray, " posts"] | None = None,
) -> Assignment:
    """Deals groups out, the largest first, each to the split that lacks most posts.

    A group goes where most of its posts were, if there is room for it. Groups of the same size come
    in an order drawn by the seed.

    Args:
        shares: of each of `SPLITS`; they sum to 1.
        before: the split that each post was in, as a place in `SPLITS`; None: they were in none.
    """
    sizes = np.bincount(groups)
    were = np.zeros((len(sizes), len(SPLITS)), np.int64)
    if before is not None:
        np.add.at(were, (groups, before), 1)
    order = list(range(len(sizes)))
    random.Random(seed).shuffle(order)
    order.sort(key=lambda one: -sizes[one])
    lacking = [shares[split] * len(groups) for split in SPLITS]
    chosen = np.zeros(len(sizes), np.int64)
    for one in order:
        split = int(were[one].argmax())
        if not were[one].any() or lacking[split] < sizes[one]:
            split = max(range(len(SPLITS)), key=lambda place: lacking[place])
        chosen[one] = split
        lacking[split] -= int(sizes[one])
    return Assignment(groups, chosen[groups])
