"""The loop: it learns, it resumes bit for bit, it survives kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy
from flax import nnx
from forked import Forked
from hypothesis import given
from hypothesis import strategies as st
from runs import MESH, arrays, assert_same, before_step, by_class, lines, run

from remote_jax import main
from remote_jax.errors import UserError
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.loop import train
from remote_jax.training.optimizer import frozen as frozen_names
from remote_jax.training.optimizer import make_optimizer, make_step
from remote_jax.training.plan import Plan
from remote_jax.training.record import Best, Record
from remote_jax.training.state import TrainState, split


class Stop(Exception):
    pass


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Makes the data end with an exception at a step, as a crash would."""

    def crash() -> None:
        raise Stop

    before_step(monkeypatch, step, crash)


def test_learns_and_keeps_the_best_on_validation(tmp_path: Path) -> None:
    config = toy.get_config()
    run(tmp_path, config)
    found = lines(tmp_path)
    losses = [line["loss"] for line in found if line["split"] == "train"]
    scores = {line["step"]: line["accuracy"] for line in found if line["split"] == "validation"}
    assert losses[-1] < 0.6 * losses[0]
    with Checkpoints(tmp_path) as checkpoints:
        best = checkpoints.record().best
    assert best is not None
    assert best["metrics"]["accuracy"] == max(scores.values())
    assert best["step"] == min(step for step in scores if scores[step] == max(scores.values()))
    assert best.get("calibration") == {"temperature": 1.0 + toy.SIZES["validation"]}
    assert list((tmp_path / "tensorboard").iterdir())


@pytest.mark.parametrize(
    ("average", "buckets", "tokens"),
    [(0.0, False, 0), (0.9, False, 0), (0.0, True, 0), (0.0, True, 16)],
)
def test_resume_equals_an_undisturbed_run(
    average: float, buckets: bool, tokens: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if buckets:
        by_class(monkeypatch)
    changes = {"train.average": average, "train.epochs": 4.0, "train.batch_tokens": tokens}
    config = toy.get_config(**changes)
    run(tmp_path / "whole", config)
    # 3: before any checkpoint; 11: within a window of the log, past a validation; 20: on a save.
    for step in (3, 11, 20):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(Stop):
                run(tmp_path / "parts", config)
    run(tmp_path / "parts", config)
    assert_same(tmp_path / "whole", tmp_path / "parts", config)
    examples = {line.get("examples") for line in lines(tmp_path / "whole")} - {None}
    assert len(examples) > 1 if tokens else not examples
    averaged = any("averages" in name for name in arrays(tmp_path / "whole", config))
    assert averaged == (average > 0)


@pytest.mark.parametrize("parts", [1, 2])
def test_in_batches_of_different_sizes_examples_weigh_alike(tmp_path: Path, parts: int) -> None:
    """Gradients of two batches have the mean of those of all their examples together."""
    config = toy.get_config(**{"model.dropout": 0.0})
    task = toy.make_task(config)
    task.prepare(tmp_path, anew=True)
    skeleton, params = split(task.model(nnx.Rngs(0)))
    examples = task.examples["train"][:24]
    batch = {name: np.stack([one[name] for one in examples]) for name in examples[0]}
    sizes = {16: slice(0, 16), 8: slice(16, 24)}

    def moved(rows: slice, usual: float) -> dict[str, np.ndarray]:
        """The gradient, as what plain descent at rate 1 takes away."""
        optimizer = optax.sgd(1.0)
        step = make_step(task, skeleton, optimizer, 0, MESH, parts=parts, usual=usual)
        before = jax.tree.map(jnp.copy, params)
        state = TrainState(before, optimizer.init(before), jnp.zeros((), jnp.int32))
        after, scalars = step(state, {name: values[rows] for name, values in batch.items()})
        assert ("examples" in scalars) == (usual > 0)
        return {name: np.asarray(params[name] - value) for name, value in after.params.items()}

    whole = moved(slice(0, 24), 0.0)
    some = [moved(rows, usual=12.0) for rows in sizes.values()]
    for name, value in whole.items():
        np.testing.assert_allclose((some[0][name] + some[1][name]) / 2, value, atol=1e-6)


def test_logged_means_are_of_examples() -> None:
    losses, sizes = [0.5, 2.0, 1.0], [8.0, 24.0, 16.0]
    record = Record({}, window={"loss": losses, "examples": sizes})
    means = record.means()
    assert means["loss"] == pytest.approx(np.average(losses, weights=sizes))
    assert means["examples"] == 16.0
    assert Record({}, window={"loss": losses}).means() == {"loss": pytest.approx(3.5 / 3)}


def test_resume_needs_the_same_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = toy.get_config()
    stop_at(monkeypatch, 10)
    with pytest.raises(Stop):
        run(tmp_path, config)
    monkeypatch.setattr(toy.ToyTask, "fingerprint", lambda self: {"name": "other"})
    with pytest.raises(UserError, match="data have changed"):
        run(tmp_path, config)


@pytest.mark.parametrize("frozen", ["text", "text/bias,head/kernel"])
def test_frozen_parameters_keep_their_values(tmp_path: Path, frozen: str) -> None:
    config = toy.get_config(**{"train.frozen": frozen, "train.epochs": 1.0})
    run(tmp_path, config)
    _, before = split(toy.make_task(config).model(nnx.Rngs(config.seed)))
    after = arrays(tmp_path, config)
    kept = tuple(frozen.split(","))
    for name, value in before.items():
        assert np.array_equal(value, after[f"['best']['{name}']"]) == name.startswith(kept), name


def test_no_gradient_is_worked_out_for_frozen_parameters() -> None:
    """The loss is not finite in slope there; a gradient, were it taken, would spoil the norm."""

    class Steep(toy.ToyTask):
        def loss(self, model: Any, batch: Any, rngs: nnx.Rngs) -> Any:
            slope = jnp.sqrt(jnp.sum(model.text.bias[...])) + jnp.sum(model.head.bias[...] - 1) ** 2
            return slope, {}

    config = toy.get_config(**{"train.frozen": "text/"})
    skeleton, params = split(toy.Model(8, 0.0, nnx.Rngs(0)))
    optimizer, _ = make_optimizer(config.train, 100)
    kept = frozen_names(config.train)
    step = make_step(Steep(config), skeleton, optimizer, 0, MESH, kept=kept)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    state, scalars = step(state, {})
    assert np.isfinite(scalars["gradient_norm"]) and state.params["head/bias"].any()


def test_what_is_frozen_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"begins with 'txt'.*did you mean 'text'\?"):
        run(tmp_path, toy.get_config(**{"train.frozen": "head, txt"}))
    with pytest.raises(UserError, match="nothing to train"):
        run(tmp_path, toy.get_config(**{"train.frozen": "head,text"}))


def test_empty_split(tmp_path: Path) -> None:
    task = toy.make_task(toy.get_config())
    task.prepare(tmp_path, anew=True)
    task.examples["validation"] = []
    with pytest.raises(UserError, match="validation split has no examples"):
        train(task, task.config, tmp_path)


def test_plan_turns_epochs_into_steps() -> None:
    plan = Plan.from_config(
        toy.get_config(**{"train.epochs": 2.0, "train.eval_every": 0.5}).train, 10.0
    )
    assert (plan.total, plan.eval_every) == (20, 5)
    assert [step for step in range(1, 21) if plan.validates(step)] == [5, 10, 15, 20]
    assert [step for step in range(1, 21) if plan.saves(step)] == [4, 5, 8, 10, 12, 15, 16, 20]


@given(st.integers(0, 4), st.integers(1, 5), st.lists(st.integers(0, 9), max_size=12))
def test_patience_against_a_count(patience: int, every: int, scores: list[int]) -> None:
    """Stops after the first validation that ends `patience` of them without a new best score."""
    plan = Plan(99, 1.0, 1, every, 1, patience)
    assert not plan.stops(0, None)
    for number in range(1, len(scores) + 1):
        first = scores.index(max(scores[:number])) + 1
        best: Best = {"step": first * every, "metrics": {}}
        for done in range(number * every, (number + 1) * every):
            assert plan.stops(done, best) == (0 < patience <= number - first)


def test_a_run_out_of_patience_ends_and_may_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"train.learning_rate": 1e-12, "train.eval_every": 0.5}
    endless, config = (toy.get_config(**changes, **{"train.patience": n}) for n in (0, 2))
    for _ in range(2):  # started again it has nothing left to do
        run(tmp_path / "parts", config)
        with Checkpoints(tmp_path / "parts") as checkpoints:
            record = checkpoints.record()
        every = Plan.from_config(config.train, toy.SIZES["train"] / 8).eval_every
        assert record.best is not None and record.best["step"] == every
        assert record.step == 3 * every and lines(tmp_path / "parts")[-1]["step"] == 3 * every
        assert "2 validations brought nothing better" in capsys.readouterr().err
    run(tmp_path / "parts", endless)
    run(tmp_path / "whole", endless)
    assert_same(tmp_path / "whole", tmp_path / "parts", endless)


def test_step_costs_little_python(tmp_path: Path) -> None:
    """A model of many parameters and no work: what is left is the loop's own time a step."""

    class Many(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.parts = nnx.List([nnx.Linear(1, 1, rngs=rngs) for _ in range(40)])

    class Idle(toy.ToyTask):
        def loss(self, model: Any, batch: Any, rngs: nnx.Rngs) -> Any:
            return sum(jnp.sum(part.kernel[...]) for part in model.parts) ** 2, {}

    config = toy.get_config()
    skeleton, params = split(Many(nnx.Rngs(0)))
    optimizer, _ = make_optimizer(config.train, 100)
    step = make_step(Idle(config), skeleton, optimizer, 0, MESH)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    state, _ = step(state, {})
    best = float("inf")
    for _ in range(30):
        began = time.perf_counter()
        state, _ = step(state, {})
        best = min(best, time.perf_counter() - began)
        jax.block_until_ready(state.step)
    assert best < 0.002


def flags(workdir: Path) -> list[str]:
    """Slow data and a save at every step, so that a kill often meets a save under way."""
    changes = ["--config.train.save_every=1", "--config.data.delay=0.003"]
    changes += ["--config.train.epochs=4"]
    return [f"--config={Path(toy.__file__)}", f"--workdir={workdir}", *changes]


def start(workdir: Path) -> Forked:
    # Compiled anew in every process: a cache that all share would hide a difference.
    return Forked(
        workdir.with_suffix(".log"),
        os.environ,
        *flags(workdir),
        jax_enable_compilation_cache=False,
    )


def latest_step(workdir: Path) -> int:
    folder = workdir / "checkpoints" / "latest"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return max((int(name) for name in names if name.isdigit()), default=0)


def kill_while_training(workdir: Path, chance: random.Random, how: signal.Signals) -> bool:
    """Starts the run and stops it some steps on; False if it ended first."""
    before, process = latest_step(workdir), start(workdir)
    goal = before + chance.randint(1, 6)
    while latest_step(workdir) < goal and process.poll() is None:
        time.sleep(0.002)
    time.sleep(chance.uniform(0.0, 0.08))
    process.send_signal(how)
    return process.wait(timeout=60) == {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 75}[how]


def test_killed_runs_end_like_an_undisturbed_one(tmp_path: Path) -> None:
    config, chance = toy.get_config(**{"train.epochs": 4.0}), random.Random(5)
    toy.install()
    assert main.main(["remote_jax", *flags(tmp_path / "whole")]) == 0
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        assert kill_while_training(tmp_path / "parts", chance, how)
    last = start(tmp_path / "parts")
    assert last.wait(timeout=300) == 0, last.log.read_text()
    assert_same(tmp_path / "whole", tmp_path / "parts", config)
    for name in ("predictions.jsonl", "config.json"):
        one, other = (tmp_path / part / name for part in ("whole", "parts"))
        assert one.read_bytes() == other.read_bytes()
    one, other = (
        json.loads((tmp_path / part / "results.json").read_text()) for part in ("whole", "parts")
    )
    assert all(one[name] == other[name] for name in ("metrics", "best_step", "tables"))
