"""SIGTERM: what is under way is saved, nothing disturbs that, and the run ends as it would have."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import toy
from runs import assert_same, before_step

from remote_jax import main
from remote_jax.runtime import sharding, signals
from remote_jax.training.checkpoint import Checkpoints


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def call(workdir: Path) -> int:
    flags = [f"--config={Path(toy.__file__)}", f"--workdir={workdir}", "--config.train.epochs=2"]
    return main.main(["remote_jax", *flags])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    toy.install()
    workdir = tmp_path_factory.mktemp("whole")
    assert call(workdir) == 0
    return workdir


def test_what_is_held_is_finished_first() -> None:
    done = []
    with pytest.raises(signals.Stopped), signals.listening(), signals.held():
        terminate()
        terminate()
        os.kill(os.getpid(), signal.SIGINT)
        done.append("held")
    assert done == ["held"]
    with pytest.raises(signals.Stopped), signals.listening():
        terminate()
        done.append("not held")
    assert done == ["held"]


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(signals.Stopped), signals.listening():
        terminate()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    with signals.listening(), signals.held():
        pass


def waiting_for_data(patch: pytest.MonkeyPatch, at: int) -> None:
    before_step(patch, at, terminate)


def counted(patch: pytest.MonkeyPatch, owner: object, name: str, at: int) -> None:
    """The call of a function that is the `at`-th one is stopped, and not only once."""
    function: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def stopping(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            terminate()
        found = function(*arguments, **named)
        if calls == at:
            terminate()
            os.kill(os.getpid(), signal.SIGINT)
        return found

    patch.setattr(owner, name, stopping)


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        (lambda patch: waiting_for_data(patch, 8), 7),
        (lambda patch: counted(patch, sharding, "put_batch", 11), 8),  # with 3 batches to validate
        (lambda patch: counted(patch, toy.ToyTask, "metrics", 1), 6),
        (lambda patch: counted(patch, Checkpoints, "save", 3), 8),
    ],
    ids=["waiting for data", "in a step", "in a validation", "in a save"],
)
def test_a_stopped_run_ends_as_an_undisturbed_one(
    moment: Callable[[pytest.MonkeyPatch], None],
    step: int,
    uninterrupted: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        moment(patch)
        assert call(tmp_path) == 75
    said = capsys.readouterr().err
    assert f"stopped after step {step}; the last checkpoint is of step {step}\n" in said
    assert said.endswith("remote_jax: stopped by SIGTERM; start the same command again.\n")
    assert call(tmp_path) == 0
    assert f"goes on after step {step} of 12" in capsys.readouterr().err
    assert_same(uninterrupted, tmp_path, toy.get_config())
    for name in ("predictions.jsonl", "config.json"):
        assert (tmp_path / name).read_bytes() == (uninterrupted / name).read_bytes()


def test_stopped_before_its_first_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.ToyTask, "prepare", lambda *_, **__: terminate())
    assert call(tmp_path) == 75
    assert "stopped by SIGTERM" in capsys.readouterr().err


def test_ctrl_c_is_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        toy.ToyTask, "prepare", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)
    )
    # A shell starts what it leaves in the background deaf to SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert call(tmp_path) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert "interrupted" in capsys.readouterr().err
