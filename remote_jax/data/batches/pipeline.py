"""Batches for a loop: shuffled ones, a function of seed and step alone, and splits in order."""

from __future__ import annotations

import operator
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, SupportsIndex

import grain
import numpy as np
from absl import flags
from jaxtyping import Int, Shaped

from remote_jax.data.batches import in_thread
from remote_jax.data.batches.buckets import Buckets, Padding
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.batches.order import Order, train_order

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]

THREADS = 2
"""Threads that make batches in this process where there are no workers."""

AHEAD = 2
"""Batches that each worker, or this process, makes ahead of the loop."""


def train_batches(
    dataset: grain.MapDataset[dict[str, Any]],
    *,
    batch_size: int,
    seed: int,
    steps: int,
    start_step: int = 0,
    workers: int = 0,
    rows: Mapping[int, Sequence[int]] | None = None,
    buckets: Buckets | None = None,
    groups: Int[np.ndarray, " examples"] | None = None,
    tokens: int = 0,
    parts: int = 1,
) -> Iterator[Batch]:
    """Batches of the steps `start_step` to `steps` - 1, in the order of `train_order`.

    Batch k is a function of the data set, what `train_order` takes and k, whatever the number of
    workers and processes and wherever the iteration starts.

    Args:
        dataset: examples, dicts of arrays of the same shapes.
        batch_size: as the following, of `train_order`.
        seed: of the order, in [0, 2**32).
        steps: number of batches from the first step of training.
        start_step: batches to leave out; they are not made.
        workers: processes that make batches; 0 makes them in threads of this one.
        rows: of batches of each size, those to make, where other processes make the others; in
            order.
        buckets: what batches are cut to; without them features keep their lengths.
        groups: as the following, of `train_order`.

    Raises:
        UserError: as `train_order`.
    """
    if not len(dataset):
        raise ValueError("there are no examples to train on")
    order = train_order(
        len(dataset),
        batch_size=batch_size,
        seed=seed,
        buckets=buckets,
        groups=groups,
        tokens=tokens,
        parts=parts,
    )
    padding = None if buckets is None else buckets.extents.padding
    batches = grain.MapDataset.source(_Steps(dataset, order, padding, rows))
    yield from _read(batches[start_step:steps], workers)


def eval_batches(
    dataset: grain.MapDataset[dict[str, Any]] | Mapped[dict[str, Any]],
    *,
    batch_size: int,
    workers: int = 0,
    rows: Sequence[int] | None = None,
    buckets: Buckets | None = None,
) -> Iterator[Batch]:
    """The whole data set once; the last batch is filled up with its last example.

    In its order, or with buckets in theirs (`Buckets.order`). Arguments are those of
    `train_batches`; data that are `Mapped` are read by a thread, whatever the workers.
    """
    size = len(dataset)
    if not size:
        return
    places = np.arange(size) if buckets is None else buckets.order
    places = np.pad(places, (0, -size % batch_size), mode="edge")
    if isinstance(dataset, Mapped):
        yield from in_thread.batches(dataset, places, batch_size, rows, buckets)
        return
    batches = _batch(grain.MapDataset.source(_Rows(dataset, places)), batch_size, rows)
    if buckets is not None:
        by_batch = places.reshape(-1, batch_size)
        batches = batches.map_with_index(_Cut(buckets, by_batch.__getitem__))
    yield from _read(batches, workers)


def joined(chunks: Sequence[np.ndarray], places: Int[np.ndarray, " rows"]) -> np.ndarray:
    """The rows of arrays, one after another, at their places in one array.

    Args:
        chunks: their other axes are filled up with zeros to the longest.
        places: of the first rows; what comes after them is left out.
    """
    lengths = zip(*(chunk.shape[1:] for chunk in chunks), strict=True)
    whole: np.ndarray = np.zeros((len(places), *map(max, lengths)), chunks[0].dtype)
    start = 0
    for chunk in chunks:
        rows = places[start : start + len(chunk)]
        filled: tuple[Any, ...] = (rows, *(slice(length) for length in chunk.shape[1:]))
        whole[filled] = chunk[: len(rows)]
        start += len(chunk)
    return whole


def batch_sizes(count: int, most: int, factor: int = 2) -> Iterator[int]:
    """Sizes of batches for so many examples, which may leave room in the last one.

    Args:
        factor: between the sizes of a last batch, which are its powers.
    """
    yield from [most] * (count // most)
    if rest := count % most:
        size = 1
        while size < rest:
            size *= factor
        yield min(size, most)


@dataclass(frozen=True)
class _Steps:
    """The batch of each step, or the rows of it that this process makes."""

    dataset: grain.MapDataset[dict[str, Any]]
    order: Order
    padding: Padding | None
    rows: Mapping[int, Sequence[int]] | None

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: SupportsIndex) -> Batch:
        step = operator.index(index)
        places = self.order.rows(step)
        if self.rows is not None:
            places = places[list(self.rows[len(places)])]
        examples = [self.dataset[int(place)] for place in places]
        batch = {name: np.stack([one[name] for one in examples]) for name in examples[0]}
        shape = self.order.shape(step)
        return batch if shape is None or self.padding is None else self.padding.cut(batch, shape)


@dataclass(frozen=True)
class _Rows:
    """The examples at some places of a data set."""

    dataset: grain.MapDataset[dict[str, Any]]
    places: Int[np.ndarray, " rows"]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        return self.dataset[int(self.places[index])]


class _Cut(grain.transforms.MapWithIndex):
    """Cuts a batch to the shape of its examples, also of those that other processes make."""

    def __init__(self, buckets: Buckets, rows_of: Callable[[int], Int[np.ndarray, " batch"]]):
        self._buckets, self._rows_of = buckets, rows_of

    def map_with_index(self, index: int, batch: Batch) -> Batch:
        """The batch, cut."""
        shape = self._buckets.shape(self._rows_of(index))
        return self._buckets.extents.padding.cut(batch, shape)


def _batch(
    dataset: grain.MapDataset[dict[str, Any]], size: int, rows: Sequence[int] | None
) -> grain.MapDataset[Batch]:
    """Batches one after another, or some rows of each; nothing else is read."""
    if rows is not None and len(rows) < size:
        dataset = grain.MapDataset.source(_Share(dataset, size, tuple(rows)))
        size = len(rows)
    return dataset.batch(size, drop_remainder=True)


@dataclass(frozen=True)
class _Share:
    """Those examples of a data set that are some rows of its batches."""

    dataset: grain.MapDataset[dict[str, Any]]
    size: int
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.dataset) // self.size * len(self.rows)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        batch, row = divmod(operator.index(index), len(self.rows))
        return self.dataset[batch * self.size + self.rows[row]]


@dataclass
class _Parcel:
    """A batch on its way from a worker, whole.

    Grain would put each bare array into shared memory, of which a container often has 64 MB, and
    would leave some behind when a run is killed.
    """

    batch: Batch


def _read(batches: grain.MapDataset[Batch], workers: int) -> Iterator[Batch]:
    options = grain.ReadOptions(num_threads=THREADS, prefetch_buffer_size=AHEAD)
    stream = batches.map(_Parcel).to_iter_dataset(options)
    if workers:
        if not flags.FLAGS.is_parsed():  # workers read Grain's flags, also where nobody parsed any
            flags.FLAGS.mark_as_parsed()
        processes = grain.MultiprocessingOptions(workers, per_worker_buffer_size=AHEAD)
        stream = stream.mp_prefetch(processes)
    iterator = iter(stream)
    try:
        with _deaf() if workers else nullcontext():  # the first batch starts the workers
            parcel = next(iterator, None)
        while parcel is not None:
            yield parcel.batch
            parcel = next(iterator, None)
    finally:
        iterator.close()  # ends the worker processes


@contextmanager
def _deaf() -> Iterator[None]:
    """Around what starts processes that are never to hear of SIGTERM or SIGINT.

    Both may be sent to a whole group of processes: the loop ends its workers once it has saved, and
    no worker prints where it was. A process inherits what the thread that starts it blocks, from
    its first moment. This thread gets the signals afterwards, if no other thread does before.
    """
    # multiprocessing's own helper, once it is started, unblocks both: so it is started before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
