"""Batches without content, one for each program that a model may need to answer posts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from jaxtyping import Shaped

from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.repeats import FACTOR, KEY

Batch = dict[str, Shaped[np.ndarray, "batch ..."]]


def blank_batches(
    example: Mapping[str, Shaped[np.ndarray, "..."]],
    buckets: Buckets | None,
    sizes: Iterable[int],
    most: int,
) -> Iterator[Batch]:
    """Zeros of the shapes of all batches of some sizes.

    Where examples say what they share, a batch comes once with all the same, once with all
    different, and once with a few: no other ones are compiled for (`repeats.ROOMS`).

    Args:
        example: any one.
        buckets: what batches of the full size are cut to; None: they are not cut.
        most: the full size.
    """
    for size in sizes:
        full = {name: _zeros(value, size) for name, value in example.items()}
        cut = [full]
        if buckets is not None and size == most:
            cut = [buckets.extents.padding.cut(full, shape) for shape in buckets.shapes]
        for batch in cut:
            if KEY not in batch:
                yield batch
                continue
            for distinct in sorted({1, min(FACTOR, size), size}):
                yield {**batch, KEY: _digests(size, distinct)}


def _zeros(value: Shaped[np.ndarray, "..."], size: int) -> Shaped[np.ndarray, "batch ..."]:
    one = np.asarray(value)
    return np.zeros((size, *one.shape), one.dtype)


def _digests(size: int, distinct: int) -> Shaped[np.ndarray, "batch 8"]:
    """Digests of which so many are different."""
    numbers = np.arange(size, dtype=np.uint64) % distinct
    return numbers[:, None].view(np.uint8)
