"""Batches that a thread makes ahead: as those of Grain; what goes wrong there is raised here."""

from __future__ import annotations

import threading

import grain
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data.batches.buckets import Buckets, Extents, Padding
from remote_jax.data.batches.in_thread import Mapped, ahead
from remote_jax.data.batches.pipeline import eval_batches

PADDING = Padding(lengths={"x": 6}, costs={"x": 1.0}, axes={"x": ("x",)}, masks=())


def example(number: int) -> dict[str, np.ndarray]:
    return {"x": np.arange(6) * number, "row": np.array(number)}


@given(st.lists(st.integers(1, 6), min_size=1, max_size=20), st.integers(1, 5), st.booleans())
def test_batches_are_those_of_grain(lengths: list[int], size: int, cut: bool) -> None:
    numbers = list(range(len(lengths)))
    buckets = None
    if cut:
        buckets = Buckets.with_shapes(Extents(PADDING, np.array(lengths)[:, None]), [(3,), (6,)])
    mine, of_grain = (
        list(eval_batches(data, batch_size=size, buckets=buckets))
        for data in (Mapped(numbers, example), grain.MapDataset.source(numbers).map(example))
    )
    assert len(mine) == len(of_grain)
    for one, other in zip(mine, of_grain, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_next_is_made_while_one_is_worked_on() -> None:
    made = threading.Event()

    def make(number: int) -> int:
        if number == 1:
            made.set()
        return number

    for number in ahead(make, range(3)):
        if number == 0:
            assert made.wait(10)


def test_what_is_raised_in_the_thread_is_raised_here() -> None:
    found = ahead(lambda number: 1 // (2 - number), range(4))
    assert next(found) == 0 and next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)
