"""Batches of data that are read once, such as posts, made by one thread of this process.

Grain is for data that are read again and again, in an order of its own and by many processes. It
takes a while to begin with a data set, and about as long for an example of text as making it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from jaxtyping import Int, Shaped

from remote_jax.data.batches.buckets import Buckets

T = TypeVar("T")
S = TypeVar("S")


class Items(Protocol):
    """Random access to what examples are made of."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Mapped(Generic[T]):
    """What a function makes of each of some items, when it is asked for."""

    def __init__(self, items: Items, function: Callable[[Any], T]):
        self._items, self._function = items, function

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> T:
        return self._function(self._items[index])


def ahead(function: Callable[[S], T], items: Iterable[S]) -> Iterator[T]:
    """What a function makes of each item; a thread makes the next while the last is worked on."""
    with ThreadPoolExecutor(1, "ahead") as thread:
        source = iter(items)

        def following() -> tuple[T] | None:
            for item in source:
                return (function(item),)
            return None

        waiting = thread.submit(following)
        while (found := waiting.result()) is not None:
            waiting = thread.submit(following)
            yield found[0]


def batches(
    dataset: Mapped[dict[str, np.ndarray]],
    places: Int[np.ndarray, " rows"],
    batch_size: int,
    rows: Sequence[int] | None,
    buckets: Buckets | None,
) -> Iterator[dict[str, Shaped[np.ndarray, "batch ..."]]]:
    """Batches of the examples at some places, in their order, the next being made meanwhile.

    Args:
        places: as many as fill all batches.
        rows: of each batch, those to make; None: all.
        buckets: what batches are cut to.
    """

    def batch(of: Int[np.ndarray, " batch"]) -> dict[str, Shaped[np.ndarray, "batch ..."]]:
        chosen = of if rows is None else of[list(rows)]
        examples = [dataset[int(place)] for place in chosen]
        found = {name: np.stack([one[name] for one in examples]) for name in examples[0]}
        return found if buckets is None else buckets.extents.padding.cut(found, buckets.shape(of))

    yield from ahead(batch, places.reshape(-1, batch_size))
