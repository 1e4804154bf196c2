"""Which examples are the batch of each step."""

from __future__ import annotations

import operator
import sys
from typing import Any, SupportsIndex

import grain
import numpy as np
from jaxtyping import Int

from remote_jax.data.batches.buckets import Buckets

WINDOW = 64
"""Batches whose examples are brought together by shape, where there are buckets."""

KEPT = 2
"""Windows held at a time: threads read two batches at once, which may be of two windows."""


class TrainOrder:
    """A function of the data set's size, its buckets, the batch size, seed and step.

    The data set is shuffled anew each epoch and repeated without a gap, so a batch may hold the end
    of one epoch and the start of the next. With buckets, the examples of a window of batches are
    sorted by their shape, those of a shape staying as they were shuffled, and cut into batches,
    which are shuffled in turn. A window has every example that it would have without.

    Its state is plain, so worker processes can be sent one.
    """

    def __init__(self, size: int, batch_size: int, seed: int, buckets: Buckets | None = None):
        self.batch_size = batch_size
        self._seed, self._buckets = seed, buckets
        self._window = min(WINDOW, max(size // batch_size, 1)) if buckets else 1
        self._stream = grain.MapDataset.range(size).shuffle(seed=seed).repeat()
        self._known: dict[int, Int[np.ndarray, "steps batch"]] = {}

    def rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """Places in the data set of the examples of a step, from 0."""
        number, place = divmod(step, self._window)
        window = self._known.get(number)
        if window is None:
            window = self._read(number)
            self._known[number] = window
            for old in sorted(self._known)[:-KEPT]:
                self._known.pop(old, None)
        return window[place]

    def _read(self, number: int) -> Int[np.ndarray, "steps batch"]:
        size = self._window * self.batch_size
        positions = range(number * size, (number + 1) * size)
        found = np.array([self._stream[position] for position in positions])
        if self._buckets is None:
            return found.reshape(-1, self.batch_size)
        by_shape = found[np.argsort(self._buckets.kinds[found], kind="stable")]
        batches = by_shape.reshape(-1, self.batch_size)
        return np.random.default_rng((self._seed, number)).permutation(batches)


class Ordered:
    """The examples of a data set one step after another, for `grain`."""

    def __init__(self, dataset: grain.MapDataset[dict[str, Any]], order: TrainOrder):
        self._dataset, self._order = dataset, order

    def __len__(self) -> int:
        return sys.maxsize // self._order.batch_size * self._order.batch_size

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        step, place = divmod(operator.index(index), self._order.batch_size)
        return self._dataset[int(self._order.rows(step)[place])]
