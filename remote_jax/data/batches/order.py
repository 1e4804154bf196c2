"""Which examples are the batch of each step."""

from __future__ import annotations

from typing import Any, Protocol, TypedDict

import grain
import numpy as np
from jaxtyping import Int

from remote_jax.data.batches.buckets import Buckets, Shape
from remote_jax.data.batches.by_tokens import TokenOrder
from remote_jax.data.batches.epochs import Grouped, kept
from remote_jax.errors import UserError

WINDOW = 64
"""Batches whose examples are brought together by shape, where there are buckets."""


class Stream(Protocol):
    """Places of examples by their position in an endless order."""

    def __getitem__(self, position: int, /) -> Any: ...


class OrderSettings(TypedDict):
    """What `train_order` takes beside the size of the data set."""

    batch_size: int
    seed: int
    buckets: Buckets | None
    groups: Int[np.ndarray, " examples"] | None
    tokens: int
    parts: int


class Order(Protocol):
    """A function of the data and the step.

    Attributes:
        sizes: of batches.
        examples: in a batch, on average.
        epoch: steps in which every example is read once.
        groups: the number of each example's group; None where there are none.
    """

    sizes: tuple[int, ...]
    examples: float
    epoch: float
    groups: Int[np.ndarray, " examples"] | None

    def rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """Places in the data set of the examples of a step, from 0."""

    def shape(self, step: int) -> Shape | None:
        """What the batch of a step is cut to; None: features keep their lengths."""


def train_order(
    size: int,
    *,
    batch_size: int,
    seed: int,
    buckets: Buckets | None = None,
    groups: Int[np.ndarray, " examples"] | None = None,
    tokens: int = 0,
    parts: int = 1,
) -> Order:
    """The order of training.

    Args:
        size: examples of the data set.
        batch_size: examples a batch, where `tokens` is 0.
        groups: the number of each example's group, whose examples come one after another.
        tokens: padded ones that a batch has at most; 0: as many as its examples have.
        parts: in which a batch of so many tokens is to be split evenly.

    Raises:
        UserError: there are no buckets to fill with so many tokens, or these are too few.
    """
    if not tokens:
        return TrainOrder(size, batch_size, seed, buckets, groups)
    if buckets is None:
        raise UserError(
            f"config.train.batch_tokens={tokens} fills batches that are cut by length, which is "
            "off: set config.data.buckets above 1 (REMOTE and EEGA have it), or "
            "config.train.batch_tokens=0."
        )
    return TokenOrder(buckets, tokens, parts, seed, groups)


class TrainOrder:
    """A function of the data set's size, its buckets and groups, the batch size, seed and step.

    The data set is shuffled anew each epoch and repeated without a gap, so a batch may hold the end
    of one epoch and the start of the next. With groups, these are shuffled instead, and a batch
    may hold the end of one. With buckets, the examples of a window of batches are sorted by their
    shape, those of a shape staying as they were shuffled, and cut into batches, which are shuffled
    in turn. A window has every example that it would have without.

    Its state is plain, so worker processes can be sent one.

    Attributes are those of `Order`.
    """

    def __init__(
        self,
        size: int,
        batch_size: int,
        seed: int,
        buckets: Buckets | None = None,
        groups: Int[np.ndarray, " examples"] | None = None,
    ):
        self.sizes: tuple[int, ...] = (batch_size,)
        self.examples, self.groups = float(batch_size), groups
        self.epoch = size / batch_size
        self._seed, self._buckets = seed, buckets
        self._window = min(WINDOW, max(size // batch_size, 1)) if buckets else 1
        self._stream: Stream = grain.MapDataset.range(size).shuffle(seed=seed).repeat()
        if groups is not None:
            self._stream = Grouped(groups, seed)
        self._known: dict[int, Int[np.ndarray, "steps batch"]] = {}

    def rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """Places in the data set of the examples of a step, from 0."""
        number, place = divmod(step, self._window)
        return kept(self._known, number, self._read)[place]

    def shape(self, step: int) -> Shape | None:
        """What the batch of a step is cut to; None: features keep their lengths."""
        return self._buckets.shape(self.rows(step)) if self._buckets else None

    def __str__(self) -> str:
        return ""

    def _read(self, number: int) -> Int[np.ndarray, "steps batch"]:
        batch_size = self.sizes[0]
        size = self._window * batch_size
        positions = range(number * size, (number + 1) * size)
        found = np.array([self._stream[position] for position in positions])
        if self._buckets is None:
            return found.reshape(-1, batch_size)
        by_shape = found[np.argsort(self._buckets.kinds[found], kind="stable")]
        batches = by_shape.reshape(-1, batch_size)
        return np.random.default_rng((self._seed, number)).permutation(batches)
