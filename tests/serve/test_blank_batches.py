"""Batches that are compiled for beforehand have the shapes of all that come later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import systems
import toy

import remote_jax
from remote_jax.data.batches.buckets import Buckets, Extents, Padding
from remote_jax.data.batches.pipeline import batch_sizes
from remote_jax.data.batches.repeats import KEY, SHARED, Repeats
from remote_jax.runtime import sharding
from remote_jax.serve.blank_batches import blank_batches

PADDING = Padding(
    {"words": 8}, {"words": 1.0}, {"tokens": ("words",), "mask": ("words",)}, masks=("mask",)
)
MOST = 64


def shapes_of(batch: dict[str, np.ndarray]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    return tuple((name, values.shape) for name, values in sorted(batch.items()))


def test_no_batch_has_a_shape_that_no_blank_one_had() -> None:
    """Whatever is repeated in it, and whatever it is cut to."""
    example = {name: np.zeros(2, np.float32) for name in SHARED}
    example |= {
        "tokens": np.zeros(8, np.int32),
        "mask": np.ones(8, bool),
        KEY: np.zeros(8, np.uint8),
    }
    buckets = Buckets.with_shapes(Extents(PADDING, np.array([[8]])), [(4,), (8,)])
    repeats, sizes = Repeats(sharding.first_device()), (1, 8, MOST)
    seen = {shapes_of(repeats(one)) for one in blank_batches(example, buckets, sizes, MOST)}
    random = np.random.default_rng(0)
    for _ in range(300):
        (size,) = batch_sizes(int(random.integers(1, MOST + 1)), MOST, 8)
        batch = {name: np.stack([value] * size) for name, value in example.items()}
        places = random.integers(0, random.integers(1, size + 1), size).astype(np.uint64)
        batch[KEY] = places[:, None].view(np.uint8)
        batch["mask"][:, 4:] = False
        if size == MOST:
            batch = PADDING.cut(batch, buckets.shapes[random.integers(2)])
        assert shapes_of(repeats(batch)) in seen
    assert len(seen) == 1 + 2 + 3 * 2


def test_a_model_that_is_compiled_beforehand_compiles_no_more(tmp_path: Path) -> None:
    toy.install()
    systems.begin(toy.get_config(), tmp_path)
    model, plain = remote_jax.load(tmp_path), remote_jax.load(tmp_path)
    model.compile({"x": [0.0] * toy.FEATURES}, 100)
    programs = len(model._compiled.batch)
    assert programs == len({x for n in range(1, 101) for x in batch_sizes(n, 8, 8)})
    for count in range(1, 40):
        posts = [{"x": [float(place)] * toy.FEATURES} for place in range(count)]
        assert model.predict(posts) == plain.predict(posts)
    assert len(model._compiled.batch) == programs


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [8]), (9, [64]), (65, [64, 1])])
def test_sizes_are_powers_of_a_factor(count: int, sizes: list[int]) -> None:
    assert list(batch_sizes(count, MOST, 8)) == sizes
