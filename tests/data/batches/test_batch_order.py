"""The order of training with groups: whole epochs, groups next to each other, by seed and step."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.data.batches.buckets import Buckets, Extents, Padding
from remote_jax.data.batches.order import WINDOW, TrainOrder

BATCH = 4
PADDING = Padding(lengths={"x": 8}, costs={"x": 1.0}, axes={"x": ("x",)})

GROUPS = st.lists(st.integers(0, 5), min_size=1, max_size=30).map(np.array)


def stream(order: TrainOrder, count: int) -> list[int]:
    """The first so many places."""
    steps = -(-count // order.sizes[0])
    return np.concatenate([order.rows(step) for step in range(steps)])[:count].tolist()


@given(GROUPS, st.integers(0, 2**31 - 1))
@settings(max_examples=60)
def test_every_epoch_has_every_example_once_and_no_group_twice(groups, seed):
    size = len(groups)
    found = stream(TrainOrder(size, BATCH, seed, groups=groups), 3 * size)
    for epoch in np.reshape(found, (3, size)):
        assert sorted(epoch.tolist()) == list(range(size))
        of = groups[epoch]
        runs = 1 + np.count_nonzero(of[1:] != of[:-1])
        assert runs == len(set(groups.tolist()))


def test_groups_and_their_examples_are_shuffled_by_epoch_and_seed():
    groups = np.repeat(np.arange(20), 6)
    size = len(groups)
    orders = {seed: TrainOrder(size, BATCH, seed, groups=groups) for seed in (0, 1)}
    first, second = np.reshape(stream(orders[0], 2 * size), (2, size))
    other = np.array(stream(orders[1], size))
    for one in (second, other):
        assert (groups[first] != groups[one]).any()
        inside = [[row for row in x.tolist() if groups[row] == 3] for x in (first, one)]
        assert inside[0] != inside[1]
    # Neighbours in the data are not kept together.
    steps = np.abs(np.diff(groups[first][::6]))
    assert np.mean(steps == 1) < 0.5


@pytest.mark.parametrize("start", [0, 5, 29, 64])
def test_a_step_does_not_depend_on_what_was_read_before_and_a_worker_can_have_it(start):
    groups = np.random.default_rng(0).integers(0, 9, 37)
    whole, later = (TrainOrder(37, BATCH, 7, groups=groups) for _ in range(2))
    expected = [whole.rows(step).tolist() for step in range(70)]
    sent = pickle.loads(pickle.dumps(later))
    assert [sent.rows(step).tolist() for step in range(start, 70)] == expected[start:]
    assert [later.rows(step).tolist() for step in reversed(range(70))] == expected[::-1]


def test_with_buckets_a_window_has_the_same_examples_and_groups_stay_together():
    size = 5 * WINDOW * BATCH
    groups = np.arange(size) // 8
    filled = np.random.default_rng(1).integers(1, 9, (size // 8, 1)).repeat(8, axis=0)
    buckets = Buckets.with_shapes(Extents(PADDING, filled), [(4,), (8,)])
    cut, whole = (
        TrainOrder(size, BATCH, 3, buckets=some, groups=groups) for some in (buckets, None)
    )
    for window in range(3):
        steps = range(window * WINDOW, (window + 1) * WINDOW)
        found, expected = (
            np.concatenate([order.rows(step) for step in steps]) for order in (cut, whole)
        )
        assert sorted(found.tolist()) == sorted(expected.tolist())
        distinct = [len(set(groups[cut.rows(step)].tolist())) for step in steps]
        assert np.mean(distinct) < 1.5  # by themselves it would be nearly BATCH
