"""Averages of parameters: against the recursion in float64, and what a run keeps of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from flax import nnx
from runs import restored, run

from remote_jax import main
from remote_jax.training.average import scored
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.optimizer import make_optimizer
from remote_jax.training.record import Record
from remote_jax.training.state import TrainState, split

DECAY = 0.9
AVERAGED = {"train.average": DECAY}


def test_averages_are_those_of_the_parameters_after_each_step() -> None:
    """And the parameters themselves move as they do without averages."""
    params = {"head": jnp.ones((3, 2)), "features/image": jnp.full((2, 2), 5.0)}
    random = np.random.default_rng(0)
    plain, _ = make_optimizer(toy.get_config().train, 40)
    made, _ = make_optimizer(toy.get_config(**AVERAGED).train, 40)
    state, other = made.init(params), plain.init(params)
    same, expected = params, np.ones((3, 2))
    for step in range(40):
        gradients = {n: jnp.asarray(random.normal(size=p.shape)) for n, p in params.items()}
        updates, state = made.update(gradients, state, params)
        params = {n: params[n] + updates[n] for n in params}
        updates, other = plain.update(gradients, other, same)
        same = {n: same[n] + updates[n] for n in same}
        decay = min(DECAY, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * np.asarray(params["head"], np.float64)
    found = scored(TrainState(params, state, jnp.zeros((), jnp.int32)))
    np.testing.assert_array_equal(params["head"], same["head"])
    np.testing.assert_allclose(found["head"], expected, atol=1e-6)
    assert np.abs(np.asarray(found["head"] - params["head"])).max() > 1e-3
    assert found["features/image"] is params["features/image"]
    assert not any(x.shape == (2, 2) for x in jax.tree.leaves(state))


def test_without_averages_the_parameters_are_scored() -> None:
    params = {"head": jnp.ones(2)}
    optimizer, _ = make_optimizer(toy.get_config().train, 10)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    assert scored(state) is params


def test_what_was_scored_is_kept(tmp_path: Path) -> None:
    """With one validation, at the end, the best parameters are the averages of the last state."""
    config = toy.get_config(**AVERAGED, **{"train.eval_every": 6.0})
    run(tmp_path, config)
    state, best, _ = restored(tmp_path, config)
    assert best.keys() == state.params.keys()
    for name, value in scored(state).items():
        np.testing.assert_array_equal(best[name], value)
        assert np.abs(np.asarray(value - state.params[name])).max() > 1e-4


def test_a_lost_best_is_made_again_of_the_averages(tmp_path: Path) -> None:
    config = toy.get_config(**AVERAGED, **{"train.eval_every": 6.0})
    run(tmp_path, config)
    _, whole, _ = restored(tmp_path, config)
    (step,) = (tmp_path / "checkpoints" / "best").glob("[0-9]*")
    shutil.rmtree(step)
    _, again, _ = restored(tmp_path, config)
    for name in whole:
        np.testing.assert_array_equal(whole[name], again[name])


def test_a_lost_best_of_an_earlier_step_is_too(tmp_path: Path) -> None:
    config = toy.get_config(**AVERAGED)
    _, params = split(toy.make_task(config).model(nnx.Rngs(1)))
    optimizer, _ = make_optimizer(config.train, 10)
    moments = optimizer.init(params)
    states = {}
    for step in (4, 8):
        params = {name: value + step for name, value in params.items()}
        _, moments = optimizer.update(jax.tree.map(jnp.ones_like, params), moments, params)
        states[step] = TrainState(params, moments, jnp.asarray(step, jnp.int32))
    record = Record({}, best={"step": 4, "metrics": {"accuracy": 0.5}})
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save_best(scored(states[4]), record.best)
        for step, state in states.items():
            record.step = step
            checkpoints.save(state, record)
    shutil.rmtree(tmp_path / "checkpoints" / "best" / "4")
    _, again, _ = restored(tmp_path, config)
    for name, value in scored(states[4]).items():
        np.testing.assert_array_equal(again[name], value)
        assert not np.array_equal(value, states[4].params[name])


def test_a_run_of_before_there_were_averages_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.install()
    named = (f"--config={Path(toy.__file__)}", f"--workdir={tmp_path}", "--config.train.epochs=2")
    assert main.main(["remote_jax", *named]) == 0
    stored = json.loads((tmp_path / "config.json").read_text())
    del stored["train"]["average"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    scores = json.loads((tmp_path / "results.json").read_text())["metrics"]
    assert main.main(["remote_jax", *named]) == 0
    assert main.main(["remote_jax", "--mode=eval", f"--workdir={tmp_path}"]) == 0
    assert json.loads((tmp_path / "results.json").read_text())["metrics"] == scores
    assert main.main(["remote_jax", *named, "--config.train.average=0.9"]) == 2
    assert "with train.average = 0.0, now it is 0.9" in capsys.readouterr().err
