"""Buckets cut what no example fills, and nothing else, whatever the order."""

from __future__ import annotations

import itertools
from collections import Counter

import grain
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.data.batches.buckets import STEPS, WORTH, Buckets, Extents, Padding
from remote_jax.data.batches.order import WINDOW, TrainOrder
from remote_jax.data.batches.pipeline import eval_batches, train_batches

PADDING = Padding(
    lengths={"tokens": 32, "objects": 4},
    costs={"tokens": 1.0, "objects": 8.0},
    axes={"x": ("tokens",), "pairs": ("tokens", "tokens"), "rgb": ("objects", "")},
)
SIZE, BATCH = 70, 4


def extents(size: int = SIZE, seed: int = 0) -> Extents:
    rng = np.random.default_rng(seed)
    filled = np.stack([rng.integers(1, 33, size), rng.integers(0, 5, size)], 1)
    return Extents(PADDING, filled)


class Filled(grain.transforms.Map):
    """Arrays of ones as far as an example reaches, and zeros beyond."""

    def __init__(self, extents: Extents):
        self.filled = extents.filled

    def map(self, index):
        tokens, objects = self.filled[index]
        x = (np.arange(32) < tokens).astype(np.float32)
        rgb = (np.arange(4) < objects)[:, None] * np.ones(7, np.float32)
        return {"row": np.array(index), "x": x, "pairs": np.outer(x, x), "rgb": rgb}


def dataset(known: Extents) -> grain.MapDataset:
    return grain.MapDataset.range(len(known.filled)).map(Filled(known))


def spent(buckets: Buckets, shapes: np.ndarray) -> float:
    return float((shapes @ np.array([*buckets.extents.padding.costs.values()])).sum())


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 2**16))
def test_every_example_has_the_cheapest_shape_that_holds_it(size, most, seed):
    known = extents(size, seed)
    found = Buckets.choose(known, most)
    assert 1 <= len(found.shapes) <= most
    costs = [spent(found, np.array([shape])) for shape in found.shapes]
    assert costs == sorted(costs)
    for row, kind in zip(known.filled, found.kinds, strict=True):
        holds = [(np.array(shape) >= row).all() for shape in found.shapes]
        assert holds.index(True) == kind
    assert 0 < found.filled_share() <= 1 + 1e-9
    # Another shape is taken only where it saves enough.
    totals = [spent(b, np.array(b.shapes)[b.kinds]) for b in map_most(known, most)]
    assert all(b <= a * (1 - WORTH) + 1e-6 or b == a for a, b in itertools.pairwise(totals))


def map_most(known: Extents, most: int) -> list[Buckets]:
    return [Buckets.choose(known, count) for count in range(1, most + 1)]


def test_one_shape_is_what_the_longest_fill():
    known = extents()
    step = 32 // STEPS
    (shape,) = Buckets.choose(known, 1).shapes
    assert shape == (-(-known.filled[:, 0].max() // step) * step, known.filled[:, 1].max())


def test_two_kinds_of_examples_get_two_shapes():
    filled = np.array([[4, 0]] * 9 + [[32, 4]])
    found = Buckets.choose(Extents(PADDING, filled), 6)
    assert found.shapes == ((4, 0), (32, 4))
    assert found.kinds.tolist() == [0] * 9 + [1]
    said = "Batches by length, tokens x objects (examples): 4 x 0 (9), 32 x 4 (1); 100% is filled"
    assert str(found) == said


def test_a_batch_is_cut_as_far_as_all_its_examples_allow():
    known = extents()
    buckets = Buckets.choose(known, 4)
    used = set()
    for batch in train_batches(dataset(known), batch_size=BATCH, seed=1, steps=40, buckets=buckets):
        shape = (batch["x"].shape[1], batch["rgb"].shape[1])
        used.add(shape)
        assert shape in buckets.shapes
        assert shape == buckets.shape(batch["row"])
        assert batch["pairs"].shape[1:] == (shape[0],) * 2 and batch["rgb"].shape[2] == 7
        np.testing.assert_array_equal(batch["x"].sum(1), known.filled[batch["row"], 0])
        np.testing.assert_array_equal(batch["rgb"].sum((1, 2)) / 7, known.filled[batch["row"], 1])
    assert len(used) > 2


@pytest.mark.parametrize("size", [3, 70, 1000])
def test_a_window_has_the_examples_that_it_has_without_buckets(size):
    buckets = Buckets.choose(extents(size), 4)
    with_, without = TrainOrder(size, BATCH, 5, buckets), TrainOrder(size, BATCH, 5)
    window = min(WINDOW, max(size // BATCH, 1))
    for number in range(3):
        steps = range(number * window, (number + 1) * window)
        found, expected = (
            Counter(int(row) for step in steps for row in order.rows(step))
            for order in (with_, without)
        )
        assert found == expected


def test_batches_of_a_shape_come_at_random():
    buckets = Buckets.choose(extents(1000), 4)
    order = TrainOrder(1000, BATCH, 0, buckets)
    shapes = [buckets.shapes.index(buckets.shape(order.rows(step))) for step in range(WINDOW)]
    assert shapes != sorted(shapes)
    other = TrainOrder(1000, BATCH, 1, buckets)
    assert any((order.rows(step) != other.rows(step)).any() for step in range(5))


@pytest.mark.parametrize("start", [0, 3, 17, 39])
def test_a_restart_and_workers_and_processes_give_the_same_batches(start):
    known = extents()
    buckets = Buckets.choose(known, 4)

    def batches(first: int = 0, **options):
        return list(
            train_batches(
                dataset(known),
                batch_size=BATCH,
                seed=1,
                steps=40,
                start_step=first,
                buckets=buckets,
                **options,
            )
        )

    whole = batches()[start:]
    for found in (batches(start), batches(start, workers=1 if start == 3 else 0)):
        for one, other in zip(found, whole, strict=True):
            assert one.keys() == other.keys()
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])
    for share in ([0, 1], [2, 3], [3]):  # cut as the whole batch is
        for one, other in zip(batches(start, rows={BATCH: share}), whole, strict=True):
            for name in one:
                np.testing.assert_array_equal(one[name], other[name][share])


@pytest.mark.parametrize("batch_size", [1, 4, 32, 100])
def test_evaluation_has_every_example_once(batch_size):
    known = extents()
    buckets = Buckets.choose(known, 3)
    found = list(eval_batches(dataset(known), batch_size=batch_size, buckets=buckets))
    rows = np.concatenate([batch["row"] for batch in found])
    assert len(rows) % batch_size == 0
    np.testing.assert_array_equal(rows[:SIZE], buckets.order)
    assert (rows[SIZE:] == buckets.order[-1]).all()
    np.testing.assert_array_equal(rows[:SIZE][np.argsort(buckets.order)], np.arange(SIZE))
    costs = [batch["x"].shape[1] + 8 * batch["rgb"].shape[1] for batch in found]
    assert costs == sorted(costs)
