"""Losses that are no numbers: told with their rows, let pass where that is allowed, never saved."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from flax import nnx
from runs import MESH, assert_same, by_class, lines

from remote_jax import main
from remote_jax.data.batches import pipeline
from remote_jax.training import finite
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.finite import is_finite
from remote_jax.training.optimizer import make_optimizer, make_step
from remote_jax.training.state import TrainState, split

BAD, STEPS = 13, 12


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row of training has an infinite feature."""
    toy.install()
    prepare = toy.ToyTask.prepare

    def poison(task: toy.ToyTask, workdir: Path, *, anew: bool) -> None:
        prepare(task, workdir, anew=anew)
        task.examples["train"][BAD]["x"][2] = np.inf

    monkeypatch.setattr(toy.ToyTask, "prepare", poison)


def call(workdir: Path, *flags: str) -> int:
    named = (f"--config={Path(toy.__file__)}", f"--workdir={workdir}", "--config.train.epochs=2")
    return main.main(["remote_jax", *named, *flags])


def batches_with(row: int, steps: int) -> list[int]:
    """Steps, from 1, whose batch has a row of the toy's 50; by marking the rows themselves."""
    marked = grain.MapDataset.source([{"row": np.array(i)} for i in range(50)])
    found = pipeline.train_batches(marked, batch_size=8, seed=0, steps=steps)
    return [step for step, batch in enumerate(found, 1) if row in batch["row"]]


def test_the_sentence_names_step_rows_and_checkpoint(
    poisoned: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = batches_with(BAD, STEPS)[0]
    assert call(tmp_path, "--config.train.save_every=1") == 2
    said = capsys.readouterr().err
    assert f"loss is nan at step {first}, whose batch is the rows" in said
    saved = (
        f"the last checkpoint is that of step {first - 1}." if first > 1 else "no checkpoint yet"
    )
    assert saved in said and "train.max_skipped, 0 now" in said
    told = json.loads((tmp_path / "not_finite.json").read_text())
    assert told["step"] == first and told["scalars"]["loss"] == "nan"
    assert len(told["batch"]) == 8 and {"row": BAD, "place": "train.toy:14"} in told["batch"]
    assert f"{told['batch'][0]['row']} ({told['batch'][0]['place']})" in said
    with Checkpoints(tmp_path, read_only=True) as checkpoints:
        assert checkpoints.record().step == first - 1


def test_the_rows_are_those_of_a_bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    by_class(monkeypatch)
    task = toy.ToyTask(config := toy.get_config())
    task.prepare(tmp_path, anew=True)
    with_rows = [{"row": np.array(i)} for i in range(50)]
    batches = pipeline.train_batches(
        grain.MapDataset.source(with_rows),
        batch_size=8,
        seed=0,
        steps=3,
        buckets=task.buckets("train"),
    )
    finite.step_not_finite(task, config, tmp_path, 3, {"loss": math.nan}, 0)
    told = json.loads((tmp_path / "not_finite.json").read_text())
    assert [one["row"] for one in told["batch"]] == list(batches)[2]["row"].tolist()


def test_only_the_first_process_writes_the_batch(
    poisoned: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite.processes, "first", lambda: False)
    task = toy.ToyTask(toy.get_config())
    task.prepare(tmp_path, anew=True)
    error = finite.step_not_finite(task, toy.get_config(), tmp_path, 1, {"loss": math.nan}, 0)
    assert "loss is nan at step 1" in str(error)
    assert not list(tmp_path.iterdir())


def test_skipped_steps_are_counted_and_bounded(
    poisoned: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = batches_with(BAD, STEPS)
    assert len(bad) == 2
    assert call(tmp_path, "--config.train.max_skipped=1") == 2
    said = capsys.readouterr().err
    assert f"step {bad[0]} is skipped, 1 of 1 at most: " in said
    assert f"loss is nan at step {bad[1]}," in said and "train.max_skipped, 1 now" in said
    # The bound may be raised, and the run goes on as one that had it from the start.
    most = f"--config.train.max_skipped={len(bad)}"
    assert call(tmp_path, most) == 0
    assert call(tmp_path / "whole", most) == 0
    found = lines(tmp_path)
    assert all(np.isfinite(line["loss"]) for line in found if "loss" in line)
    assert [line["skipped"] for line in found if "skipped" in line][-1] == len(bad)
    assert json.loads((tmp_path / "results.json").read_text())["skipped_steps"] == len(bad)
    assert_same(tmp_path, tmp_path / "whole", toy.get_config())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_skipped_step_changes_nothing_but_the_step(average: float) -> None:
    config = toy.get_config(**{"train.average": average})
    skeleton, params = split(toy.make_task(config).model(nnx.Rngs(0)))
    optimizer, _ = make_optimizer(config.train, 100)
    random = np.random.default_rng(0)
    batch = {"x": random.normal(size=(8, 6)).astype(np.float32), "label": np.arange(8) % 4}
    bad = {**batch, "x": batch["x"].copy()}
    bad["x"][3, 1] = np.nan

    def after(batches: list[dict[str, Any]], skips: bool) -> TrainState:
        step = make_step(toy.ToyTask(config), skeleton, optimizer, 0, MESH, skips=skips)
        fresh = jax.tree.map(jnp.copy, params)
        state = TrainState(fresh, optimizer.init(fresh), jnp.zeros((), jnp.int32))
        for one in batches:
            state, _ = step(state, one)
        return state

    def same(one: Any, other: Any) -> bool:
        return jax.tree.all(jax.tree.map(np.array_equal, one, other))

    plain, skipped = after([batch], False), after([batch, bad], True)
    assert same((plain.params, plain.optimizer), (skipped.params, skipped.optimizer))
    assert int(skipped.step) == 2
    assert not is_finite(after([batch, bad], False))


def test_parameters_that_are_not_finite_are_not_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loss and gradient of step 1 are fine; its update is not."""
    toy.install()
    rate = ("--config.train.learning_rate=1e39", "--config.train.save_every=1")
    assert call(tmp_path, *rate) == 2
    said = capsys.readouterr().err
    assert "not finite after step 1, though the loss was; there is no checkpoint yet" in said
    assert not any((tmp_path / "checkpoints" / "latest").iterdir())


def test_is_finite() -> None:
    fine = {"a": jnp.ones((2, 3)), "b": jnp.arange(3), "c": jnp.ones((), jnp.bfloat16)}
    assert is_finite(fine)
    for value in (jnp.nan, jnp.inf, -jnp.inf):
        assert not is_finite({**fine, "a": fine["a"].at[1, 2].set(value)})
