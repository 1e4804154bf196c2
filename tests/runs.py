"""Toy runs, disturbed or not, and what they leave behind, to compare one with another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from flax import nnx

from remote_jax.data.batches import pipeline
from remote_jax.data.batches.buckets import Buckets, Extents, Padding
from remote_jax.runtime import sharding
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.loop import train
from remote_jax.training.optimizer import make_optimizer
from remote_jax.training.record import Best
from remote_jax.training.state import Params, TrainState, split

MESH = sharding.make_mesh(toy.get_config().mesh)


def run(workdir: Path, config: Any) -> None:
    """Trains the toy in this process."""
    workdir.mkdir(exist_ok=True)
    task = toy.make_task(config)
    task.prepare(workdir, anew=True)
    train(task, config, workdir)


def before_step(patch: pytest.MonkeyPatch, step: int, do: Callable[[], None]) -> None:
    """Has the data do something as they come to a step, counted from 1."""
    batches = pipeline.train_batches

    def disturbed(dataset: Any, *, start_step: int, **arguments: Any) -> Any:
        for number, batch in enumerate(
            batches(dataset, start_step=start_step, **arguments), start_step + 1
        ):
            if number == step:
                do()
            yield batch

    patch.setattr(pipeline, "train_batches", disturbed)


def by_class(patch: pytest.MonkeyPatch) -> None:
    """Puts the toy's points of odd and of even classes into batches of their own; none is cut."""
    padding = Padding(lengths={"class": 2}, costs={"class": 1.0}, axes={})

    def buckets(task: toy.ToyTask, split: str) -> Buckets:
        labels = np.array([example["label"] for example in task.examples[split]])
        return Buckets.choose(Extents(padding, labels[:, None] % 2 + 1), 2)

    patch.setattr(toy.ToyTask, "buckets", buckets)


def lines(workdir: Path) -> list[dict[str, Any]]:
    """The metrics without what depends on the machine."""
    found = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in line if name != "time"} for line in found]


def restored(workdir: Path, config: Any) -> tuple[TrainState, Params, Best]:
    """The latest state, and the best parameters with what is known of them."""
    _, params = split(toy.make_task(config).model(nnx.Rngs(1)))
    optimizer, _ = make_optimizer(config.train, 10)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    with Checkpoints(workdir) as checkpoints:
        latest = checkpoints.restore(state, MESH)
        assert latest is not None
    with Checkpoints(workdir) as checkpoints:  # what the first one mended is whole by now
        return latest.state, *checkpoints.restore_best(params, MESH)


def arrays(workdir: Path, config: Any) -> dict[str, np.ndarray]:
    """Every array of the latest and the best checkpoint, by path."""
    latest, best, scores = restored(workdir, config)
    tree = {"latest": latest, "best": best, "best_step": np.array(scores["step"])}
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def assert_same(one: Path, other: Path, config: Any) -> None:
    assert lines(one) == lines(other)
    left, right = arrays(one, config), arrays(other, config)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
