"""Steps by rows beside dense ones, and beside lazy Adam written out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from flax import nnx

from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.task import BaseTask, Batch
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.gradients import rows
from remote_jax.training.gradients.rows import ROWS
from remote_jax.training.optimizer import make_optimizer, make_step
from remote_jax.training.record import Record
from remote_jax.training.state import Params, TrainState, split

COUNT, DIM, READ = 9, 4, 5
MESH = sharding.make_mesh(toy.get_config().mesh)


class Model(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.structure = nnx.Param(jax.random.normal(rngs.params(), (COUNT, DIM)))
        self.line = nnx.Linear(DIM, 1, rngs=rngs)


class Pull(BaseTask):
    """Pulls what rows say towards numbers; reads one more row, which it draws."""

    row_tables = ("structure",)

    def touched(self, batch: Batch, rngs: nnx.Rngs, count: int) -> jax.Array:
        assert count == COUNT
        drawn = jax.random.randint(rngs.negatives(), (1,), 0, int(batch["drawn"].shape[1]))
        return jnp.concatenate([batch["read"], drawn])

    def loss(self, model: Model, batch: Batch, rngs: nnx.Rngs) -> tuple[jax.Array, dict]:
        read = self.touched(batch, rngs, COUNT)
        table = model.structure[...]
        found = table[jnp.searchsorted(batch[ROWS], read) if ROWS in batch else read]
        told = jnp.tanh(model.line(found)[:, 0])
        return jnp.mean((told[:-1] - batch["wanted"]) ** 2) + told[-1] ** 2, {}


def batch(read: list[int], among: int = 1, seed: int = 0) -> Batch:
    """Rows to read, and the number of those that one is drawn from, in the shape of an array."""
    wanted = np.random.default_rng(seed).normal(size=len(read)).astype(np.float32)
    drawn = jnp.zeros((len(read), among))
    return {"read": jnp.asarray(read), "wanted": jnp.asarray(wanted), "drawn": drawn}


def run(
    batches: list[Batch], *, sparse: bool, begin: TrainState | None = None, **changes: object
) -> TrainState:
    settings = {"train.schedule": "constant", "train.warmup": 0.0, **changes}
    optimizer, _ = make_optimizer(toy.get_config(**settings).train, 10)
    skeleton, params = split(Model(nnx.Rngs(0)))
    step = make_step(Pull(), skeleton, optimizer, 0, MESH, sparse=sparse)
    state = begin or TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    for one in batches:
        state, scalars = step(state, one)
        assert np.isfinite(scalars["gradient_norm"])
    return state


def assert_same(one: object, other: object, rtol: float = 1e-6) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-7), one, other)


@pytest.mark.parametrize("clip", [0.0, 1e-3])
def test_where_every_row_is_read_it_is_dense_adam(clip: float) -> None:
    """With weight decay and clipping; some rows are read twice."""
    every = [batch([*range(COUNT), *range(3)], COUNT, seed) for seed in range(4)]
    changes = {"train.weight_decay": 0.1, "train.clip": clip}
    assert_same(*(run(every, sparse=sparse, **changes) for sparse in (False, True)))


def test_rows_that_no_batch_reads_stay_and_so_do_their_moments() -> None:
    """The first batch reads them, so that dense Adam would go on moving them by their moments."""
    batches = [batch([3, 4, 5, 3]), batch([1, 2, 2, 1]), batch([1, 2, 1, 1])]
    changes = {"train.weight_decay": 0.1}
    first = run(batches[:1], sparse=True, **changes)
    dense, lazy = (run(batches, sparse=sparse, **changes) for sparse in (False, True))
    for row in (3, 4, 5):
        assert not np.array_equal(dense.params["structure"][row], first.params["structure"][row])
    for was, now in zip(jax.tree.leaves(first), jax.tree.leaves(lazy), strict=True):
        if was.shape == (COUNT, DIM):
            np.testing.assert_array_equal(now[3:], was[3:])
            assert not np.array_equal(now[1:3], was[1:3])
    assert_same(lazy.params["structure"][6:], Model(nnx.Rngs(0)).structure[6:])


def test_it_is_lazy_adam() -> None:
    """Against PyTorch's rule for sparse gradients: moments of read rows alone, one count."""
    batches = [batch([2, 7, 7]), batch([0, 2, 3]), batch([7, 0, 0])]
    changes = {"train.weight_decay": 0.0, "train.clip": 0.0, "train.learning_rate": 0.01}
    found = run(batches, sparse=True, **changes)
    state = run([], sparse=False, **changes)
    skeleton, _ = split(Model(nnx.Rngs(0)))
    table = np.asarray(state.params["structure"], np.float64)
    first, second = np.zeros_like(table), np.zeros_like(table)
    for count, one in enumerate(batches, 1):
        now = run(batches[: count - 1], sparse=True, **changes)

        def loss(params: Params, one: Batch = one) -> jax.Array:
            return Pull().loss(skeleton.model(params), one, nnx.Rngs(0))[0]

        gradient = np.asarray(jax.grad(loss)(now.params)["structure"], np.float64)
        read = [*map(int, one["read"]), 0]
        first[read] = 0.9 * first[read] + 0.1 * gradient[read]
        second[read] = 0.999 * second[read] + 0.001 * gradient[read] ** 2
        up, down = first[read] / (1 - 0.9**count), second[read] / (1 - 0.999**count)
        table[read] -= 0.01 * up / (np.sqrt(down) + 1e-8)
    np.testing.assert_allclose(found.params["structure"], table, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("skips", [0, 1])
def test_adagrad_is_the_same_whatever_is_read(skips: int) -> None:
    batches = [batch([3, 4, 4, 0], COUNT, 1), batch([1, 4, 8, 8], COUNT, 2), batch([7, 7, 7, 7])]
    changes = {"train.optimizer": "adagrad", "train.new_learning_rate": 0.01}
    changes |= {"train.weight_decay": 0.0, "train.max_skipped": skips}
    assert_same(*(run(batches, sparse=sparse, **changes) for sparse in (False, True)))


def test_it_goes_on_bit_for_bit(tmp_path: Path) -> None:
    batches = [batch([seed, 4, 2 * seed], COUNT, seed) for seed in range(4)]
    half = run(batches[:2], sparse=True)
    with Checkpoints(tmp_path) as kept:
        kept.save(half, Record(fingerprint={}, data="", step=2))
    with Checkpoints(tmp_path) as kept:
        restored = kept.restore(jax.eval_shape(lambda: half), MESH)
    assert restored is not None
    found = run(batches[2:], sparse=True, begin=restored.state)
    expected = run(batches, sparse=True)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train.average": 0.9}, r"train\.average is 0\.9 .* set config\.train\.average=0\.0"),
        ({"train.accumulation": 2}, r"train\.accumulation is 2 "),
    ],
)
def test_what_it_does_not_go_with(changes: dict[str, object], told: str) -> None:
    config = toy.get_config(**changes, **{"train.sparse_tables": True}).train
    with pytest.raises(UserError, match=told):
        rows.check(Pull(), config, Pull.row_tables)
    config.sparse_tables = False
    rows.check(Pull(), config, ())


def test_a_task_that_reads_its_tables_whole() -> None:
    config = toy.get_config(**{"train.sparse_tables": True}).train
    for task in (BaseTask(), SimpleNamespace(row_tables=(), touched=None)):
        with pytest.raises(UserError, match=r"it is for ROAM with model\.negatives above 0"):
            rows.check(task, config, ())


def test_a_model_without_such_a_table() -> None:
    config = toy.get_config(**{"train.sparse_tables": True}).train
    with pytest.raises(UserError, match=r"no table of entities: .* features\.trainable to true"):
        rows.check(Pull(), config, ("relations",))
    rows.check(Pull(), config, ("relations", "structure"))
