"""Batches for a loop: shuffled ones, a function of seed and step alone, and splits in order."""

from __future__ import annotations

import operator
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import Any, SupportsIndex

import grain
import numpy as np
from absl import flags
from jaxtyping import Shaped

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
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Batches of the steps `start_step` to `steps` - 1.

    The data set is shuffled anew each epoch and repeated without a gap, so a batch may hold the end
    of one epoch and the start of the next. Batch k is a function of the data set, `batch_size`,
    `seed` and k, whatever the number of workers and processes and wherever the iteration starts.

    Args:
        dataset: examples, dicts of arrays of the same shapes.
        batch_size: examples a batch.
        seed: of the order, in [0, 2**32).
        steps: number of batches from the first step of training.
        start_step: batches to leave out; they are not made.
        workers: processes that make batches; 0 makes them in threads of this one.
        rows: of each batch, those to make, where other processes make the others; in order.
    """
    if not len(dataset):
        raise ValueError("there are no examples to train on")
    batches = _batch(_shuffled(dataset, seed), batch_size, rows)
    yield from _read(batches[start_step:steps], workers)


def train_rows(size: int, *, batch_size: int, seed: int, step: int) -> list[int]:
    """Which rows of a data set of `size` examples are the batch of a step, from 0."""
    batch = _shuffled(grain.MapDataset.range(size), seed).batch(batch_size)[step]
    return [int(row) for row in batch]


def _shuffled(dataset: grain.MapDataset, seed: int) -> grain.MapDataset:
    return dataset.shuffle(seed=seed).repeat()


def eval_batches(
    dataset: grain.MapDataset[dict[str, Any]],
    *,
    batch_size: int,
    workers: int = 0,
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """The whole data set once, in order; the last batch is filled up with its last example.

    Arguments are those of `train_batches`.
    """
    size = len(dataset)
    missing = -size % batch_size
    if missing:
        last = dataset[size - 1 :].repeat(missing)
        dataset = grain.MapDataset.concatenate([dataset, last])
    if size:
        yield from _read(_batch(dataset, batch_size, rows), workers)


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
