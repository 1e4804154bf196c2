"""Batches of the same number of padded tokens: sizes, whole epochs, and where they stop short."""

import itertools
import pickle
from collections import Counter

import grain
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax.data.batches.buckets import Buckets, Extents, Padding
from remote_jax.data.batches.by_tokens import MULTIPLE, TokenOrder
from remote_jax.data.batches.order import train_order
from remote_jax.data.batches.pipeline import train_batches
from remote_jax.errors import UserError
from remote_jax.training.plan import Plan, check_sizes

COSTS = np.array([1.0, 8.0])
PADDING = Padding(
    lengths={"tokens": 32, "objects": 4},
    costs={"tokens": 1.0, "objects": 8.0},
    axes={"x": ("tokens",), "rgb": ("objects",)},
)
TOKENS = 64 * MULTIPLE
"""Enough for the full shape."""


def buckets_of(filled, most: int = 4) -> Buckets:
    """Those of a run, whose shapes have the full one among them."""
    known = Extents(PADDING, np.array(filled, np.int32))
    return Buckets.with_shapes(known, [*Buckets.choose(known, most).shapes, PADDING.full])


def random_buckets(size: int, seed: int = 0) -> Buckets:
    rng = np.random.default_rng(seed)
    return buckets_of(np.stack([rng.integers(1, 33, size), rng.integers(0, 5, size)], 1))


LENGTHS = st.lists(st.tuples(st.integers(1, 32), st.integers(0, 4)), min_size=1, max_size=150)


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.integers(TOKENS, 4 * TOKENS), st.integers(0, 99), st.booleans())
def test_batches_are_full_and_hold_every_example_once_an_epoch(filled, tokens, seed, grouped):
    buckets, count = buckets_of(filled), len(filled)
    groups = np.arange(count) // 3 if grouped else None
    order = TokenOrder(buckets, tokens, 1, seed, groups)
    for shape, size in zip(order.shapes, order.sizes, strict=True):
        assert size % MULTIPLE == 0 and size * (shape @ COSTS) <= tokens
        assert (size + MULTIPLE) * (shape @ COSTS) > tokens
    steps = int(np.ceil(4 * order.epoch)) + 1
    read = Counter()
    for step in range(steps):
        rows, shape = order.rows(step), order.shape(step)
        assert len(rows) == order.sizes[order.shapes.index(shape)]
        assert (np.array(filled)[rows] <= shape).all()
        read.update(rows.tolist())
        # Of what was begun, less than a batch of the largest shape waits.
        begun = -(-step // order.epoch) if order.epoch else 0
        assert max(read.values()) <= begun + 1 + order.sizes[-1] / count
    assert sum(read.values()) == pytest.approx(steps * order.examples, abs=4 * max(order.sizes))
    assert order.examples * order.epoch == pytest.approx(count)


@pytest.mark.parametrize("grouped", [False, True])
def test_an_epoch_has_every_example_once(grouped):
    """But for those that wait in a batch of the largest shape that is not full."""
    buckets = random_buckets(1000)
    groups = np.arange(1000) // 5 if grouped else None
    order = TokenOrder(buckets, 2 * TOKENS, 1, 3, groups)
    assert len(set(order.sizes)) > 2
    ends = [int(order.epoch * epoch) for epoch in range(5)]
    read = Counter()
    for epoch, (start, end) in enumerate(itertools.pairwise(ends), 1):
        shapes = [order.shapes.index(order.shape(step)) for step in range(start, end)]
        assert shapes != sorted(shapes)
        for step in range(start, end):
            read.update(order.rows(step).tolist())
        late = sum(max(epoch - read[row], 0) for row in range(1000))
        assert max(read.values()) <= epoch + 1 and late <= 2 * max(order.sizes)
    if grouped:
        distinct = [len(set(groups[order.rows(step)])) / len(order.rows(step)) for step in range(9)]
        alone = TokenOrder(buckets, 2 * TOKENS, 1, 3)
        others = [len(set(groups[alone.rows(step)])) / len(alone.rows(step)) for step in range(9)]
        assert np.mean(distinct) < 0.8 * np.mean(others)


def test_examples_that_fill_no_batch_go_into_a_larger_shape():
    buckets = buckets_of([[4, 0]] * 20 + [[32, 0]] * 19 + [[32, 4]] * 9)
    assert buckets.shapes == ((4, 0), (32, 0), (32, 4))
    order = TokenOrder(buckets, 512, 1, 0)
    assert order.sizes == (128, 16, 8)
    # 20 are too few for 128, 39 make two batches of 16, and 7 + 9 two of 8.
    assert order.epoch == 4 and order.examples == 12
    for epoch in range(3):
        steps = range(4 * epoch, 4 * epoch + 4)
        assert Counter(len(order.rows(step)) for step in steps) == {16: 2, 8: 2}
        rows = np.concatenate([order.rows(step) for step in steps])
        assert sorted(rows.tolist()) == list(range(48))
    assert "128 of 4 x 0, 16 of 32 x 0, 8 of 32 x 4; 12.0 on average" in str(order)


def test_a_shape_that_only_other_data_need_is_not_read():
    order = TokenOrder(buckets_of([[4, 0]] * 64), 512, 1, 0)
    assert order.shapes == ((4, 0),) and order.sizes == (128,)


@pytest.mark.parametrize("start", [0, 5, 17, 40])
def test_a_step_does_not_depend_on_what_was_read_before(start):
    buckets = random_buckets(200)
    whole, later = (TokenOrder(buckets, 2 * TOKENS, 1, 7) for _ in range(2))
    expected = [whole.rows(step).tolist() for step in range(60)]
    sent = pickle.loads(pickle.dumps(later))
    assert [sent.rows(step).tolist() for step in range(start, 60)] == expected[start:]
    assert [later.rows(step).tolist() for step in reversed(range(60))] == expected[::-1]
    other = TokenOrder(buckets, 2 * TOKENS, 1, 8)
    assert [other.rows(step).tolist() for step in range(60)] != expected


class Filled(grain.transforms.Map):
    def __init__(self, filled):
        self.filled = filled

    def map(self, index):
        tokens, objects = self.filled[index]
        return {
            "row": np.array(index),
            "x": (np.arange(32) < tokens).astype(np.float32),
            "rgb": (np.arange(4) < objects).astype(np.float32),
        }


@pytest.mark.parametrize("workers", [0, 1])
def test_a_restart_and_workers_and_processes_give_the_same_batches(workers):
    buckets = random_buckets(200)
    filled = buckets.extents.filled
    data = grain.MapDataset.range(200).map(Filled(filled))
    options = {"batch_size": 4, "seed": 1, "steps": 12, "buckets": buckets}
    options["tokens"] = 2 * TOKENS
    whole = list(train_batches(data, **options))
    sizes = {len(batch["row"]) for batch in whole}
    assert len(sizes) > 2
    for batch in whole:
        assert (batch["x"].shape[1], batch["rgb"].shape[1]) in buckets.shapes
        np.testing.assert_array_equal(batch["x"].sum(1), filled[batch["row"], 0])
        np.testing.assert_array_equal(batch["rgb"].sum(1), filled[batch["row"], 1])
    rows = {size: list(range(size // 2, size)) for size in sizes}
    found = train_batches(data, **options, start_step=3, rows=rows, workers=workers)
    for one, other in zip(found, whole[3:], strict=True):
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name][len(other["row"]) // 2 :])


def test_parts_split_every_batch():
    order = TokenOrder(random_buckets(100), 4 * TOKENS, 3, 0)
    assert all(size % 24 == 0 for size in order.sizes)


def test_an_epoch_in_steps():
    order = TokenOrder(random_buckets(1000), 2 * TOKENS, 1, 0)
    config = ConfigDict(
        {"epochs": 3.0, "eval_every": 0.5, "log_every": 1, "save_every": 1, "patience": 0}
    )
    plan = Plan.from_config(config, order.epoch)
    assert sum(len(order.rows(step)) for step in range(plan.total)) == pytest.approx(3000, rel=0.02)
    assert plan.eval_every == round(order.epoch / 2)


def test_settings_that_do_not_go_together():
    with pytest.raises(UserError, match=r"at least 512, found 511: a batch has 8 examples"):
        TokenOrder(buckets_of([[32, 4]]), 511, 1, 0)
    with pytest.raises(UserError, match=r"set config\.data\.buckets above 1"):
        train_order(10, batch_size=4, seed=0, tokens=512)
    order = TokenOrder(buckets_of([[32, 4]]), 512, 1, 0)
    config = ConfigDict({"batch_tokens": 512, "batch_size": 3, "accumulation": 1})
    mesh = Mesh(np.array([jax.devices()[0]] * 3).reshape(3, 1, 1), ("data", "fsdp", "tensor"))
    with pytest.raises(UserError, match=r"batch_tokens: each size of its batches must be a mul"):
        check_sizes(order, config, mesh)
