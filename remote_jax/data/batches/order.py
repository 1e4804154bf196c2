"""Which examples are the batch of each step."""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any, Protocol, SupportsIndex, TypedDict

import grain
import numpy as np
from jaxtyping import Int

from remote_jax.data.batches.buckets import Buckets

WINDOW = 64
"""Batches whose examples are brought together by shape, where there are buckets."""

KEPT = 2
"""Windows, or epochs, held at a time: threads read two batches at once, which may be of two."""


class Stream(Protocol):
    """Places of examples by their position in an endless order."""

    def __getitem__(self, position: int, /) -> Any: ...


class OrderSettings(TypedDict):
    """What the order of training follows from, beside how many examples there are."""

    batch_size: int
    seed: int
    buckets: Buckets | None
    groups: Int[np.ndarray, " examples"] | None


class Grouped:
    """Places of examples, epoch after epoch, those of a group next to each other.

    Each epoch has its own order of groups, and of the examples in each.
    """

    def __init__(self, groups: Int[np.ndarray, " examples"], seed: int):
        """Takes the number of each example's group."""
        self._groups, self._seed = groups, seed
        self._known: dict[int, Int[np.ndarray, " examples"]] = {}

    def __getitem__(self, position: int) -> int:
        epoch, place = divmod(position, len(self._groups))
        return int(_kept(self._known, epoch, self._epoch)[place])

    def _epoch(self, number: int) -> Int[np.ndarray, " examples"]:
        random = np.random.default_rng((self._seed, number))
        places = random.permutation(len(self._groups))
        turns = random.permutation(int(self._groups.max()) + 1)
        return places[np.argsort(turns[self._groups[places]], kind="stable")]


class TrainOrder:
    """A function of the data set's size, its buckets and groups, the batch size, seed and step.

    The data set is shuffled anew each epoch and repeated without a gap, so a batch may hold the end
    of one epoch and the start of the next. With groups, these are shuffled instead, and a batch
    may hold the end of one. With buckets, the examples of a window of batches are
    sorted by their shape, those of a shape staying as they were shuffled, and cut into batches,
    which are shuffled in turn. A window has every example that it would have without.

    Its state is plain, so worker processes can be sent one.

    Attributes:
        batch_size: examples a batch.
        groups: the number of each example's group; None where there are none.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        buckets: Buckets | None = None,
        groups: Int[np.ndarray, " examples"] | None = None,
    ):
        self.batch_size, self.groups = batch_size, groups
        self._seed, self._buckets = seed, buckets
        self._window = min(WINDOW, max(size // batch_size, 1)) if buckets else 1
        self._stream: Stream = grain.MapDataset.range(size).shuffle(seed=seed).repeat()
        if groups is not None:
            self._stream = Grouped(groups, seed)
        self._known: dict[int, Int[np.ndarray, "steps batch"]] = {}

    def rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """Places in the data set of the examples of a step, from 0."""
        number, place = divmod(step, self._window)
        return _kept(self._known, number, self._read)[place]

    def _read(self, number: int) -> Int[np.ndarray, "steps batch"]:
        size = self._window * self.batch_size
        positions = range(number * size, (number + 1) * size)
        found = np.array([self._stream[position] for position in positions])
        if self._buckets is None:
            return found.reshape(-1, self.batch_size)
        by_shape = found[np.argsort(self._buckets.kinds[found], kind="stable")]
        batches = by_shape.reshape(-1, self.batch_size)
        return np.random.default_rng((self._seed, number)).permutation(batches)


def _kept(
    known: dict[int, np.ndarray], number: int, make: Callable[[int], np.ndarray]
) -> np.ndarray:
    """What is known of a number, made where it is not; the oldest ones are forgotten."""
    found = known.get(number)
    if found is None:
        found = known[number] = make(number)
        for old in sorted(known)[:-KEPT]:
            known.pop(old, None)
    return found


class Ordered:
    """The examples of a data set one step after another, for `grain`."""

    def __init__(self, dataset: grain.MapDataset[dict[str, Any]], order: TrainOrder):
        self._dataset, self._order = dataset, order

    def __len__(self) -> int:
        return sys.maxsize // self._order.batch_size * self._order.batch_size

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        step, place = divmod(operator.index(index), self._order.batch_size)
        return self._dataset[int(self._order.rows(step)[place])]
