"""A batch a part at a time: the gradient of the whole, and dropout of its own for each part."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from runs import MESH, lines, run

from remote_jax.errors import UserError
from remote_jax.training.gradients.accumulate import accumulated
from remote_jax.training.loop import train

KEY = jax.random.key(0)


def squares(params, batch, key):
    del key
    return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)


def data(rows):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    return {"x": jnp.asarray(x), "y": jnp.asarray(x.sum(1) ** 2)}


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_the_parts_make_the_gradient_of_the_whole(parts: int) -> None:
    batch, params = data(8), {"w": jnp.arange(3.0)}
    gradient = jax.jit(accumulated(jax.grad(squares), parts, MESH))(params, batch, KEY)
    residual = np.asarray(batch["x"] @ params["w"] - batch["y"], np.float64)
    expected = 2 * np.asarray(batch["x"], np.float64).T @ residual / 8
    np.testing.assert_allclose(gradient["w"], expected, rtol=1e-5)


def test_a_batch_may_have_features_of_nothing() -> None:
    """As one that is cut to no objects."""
    batch = {**data(8), "boxes": jnp.zeros((8, 0, 4))}

    def loss(params, part, key):
        assert part["boxes"].shape == (4, 0, 4)
        return squares(params, part, key)

    found = accumulated(loss, 2, MESH)({"w": jnp.arange(3.0)}, batch, KEY)
    np.testing.assert_allclose(found, squares({"w": jnp.arange(3.0)}, batch, KEY), rtol=1e-6)


def test_each_part_has_its_own_key() -> None:
    def draw(params, batch, key):
        del params, batch
        return jax.random.uniform(key)

    mean = accumulated(draw, 2, MESH)({}, data(4), KEY)
    expected = [jax.random.uniform(jax.random.fold_in(KEY, part)) for part in range(2)]
    assert expected[0] != expected[1]
    np.testing.assert_allclose(mean, np.mean(expected), rtol=1e-6)


def test_a_run_in_parts_learns_the_same(tmp_path: Path) -> None:
    found = []
    for parts in (1, 4):
        changes = {"train.accumulation": parts, "model.dropout": 0.0, "train.save_every": 100}
        config = toy.get_config(**changes)
        run(tmp_path / str(parts), config)
        found.append([line["loss"] for line in lines(tmp_path / str(parts)) if "loss" in line])
    assert found[0][-1] < found[0][0]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


def test_parts_that_are_not_equal_are_refused(tmp_path: Path) -> None:
    config = toy.get_config(**{"train.accumulation": 3})
    task = toy.make_task(config)
    task.prepare(tmp_path, anew=True)
    with pytest.raises(UserError, match=r"batch_size must be a multiple of 1 \(devices\) x 3 "):
        train(task, config, tmp_path)
