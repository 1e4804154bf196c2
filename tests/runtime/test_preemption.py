"""SIGTERM to many processes: they leave at once where nothing is to be saved, else together."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import Forked
from meshes import losses
from pairs import STEPS, by_flags, free_port, start

from remote_jax.runtime.signals import EXIT_CODE
from remote_jax.training.checkpoint import Checkpoints

SENTENCE = "remote_jax: stopped by SIGTERM"


def until(true: Callable[[], bool], pair: list[Forked]) -> None:
    """Waits, as long as both run."""
    while not true():
        assert all(process.poll() is None for process in pair)
        time.sleep(0.01)


def stopped(workdir: Path, place: str, seconds: int, *flags: str, which: int = 2) -> float:
    """Sends SIGTERM to the first processes of a run that lasts in a place; how soon they leave.

    All must leave with the code that says so.
    """
    logs = [workdir.with_name(f"by_flags{process}.log") for process in range(2)]
    pair = by_flags(workdir, free_port(), *flags, PAUSE=place, SECONDS=str(seconds))
    try:
        until(lambda: any("pauses" in log.read_text() for log in logs), pair)
        time.sleep(0.5)  # the other one comes to where it waits
        began = time.monotonic()
        for process in pair[:which]:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=60) for process in pair]
    finally:
        for process in pair:
            process.kill()
    said = [log.read_text() for log in logs]
    assert codes == [EXIT_CODE, EXIT_CODE], said
    assert all(SENTENCE in one and "Traceback" not in one for one in said)
    assert not (workdir / "results.json").exists()
    return time.monotonic() - began


def test_one_that_waits_for_the_others_to_come_leaves(tmp_path: Path) -> None:
    workdir, log = tmp_path / "run", tmp_path / "log"
    flags = (f"--workdir={workdir}", f"--coordinator=127.0.0.1:{free_port()}", "--processes=2")
    alone = start(log, 1, *flags, "--process=1", PAUSE="meeting", SECONDS="0")
    try:
        until(lambda: "pauses" in log.read_text(), [alone])
        time.sleep(1)  # it comes to where it waits
        alone.send_signal(signal.SIGTERM)
        assert alone.wait(timeout=20) == EXIT_CODE
    finally:
        alone.kill()
    assert SENTENCE in log.read_text()


@pytest.mark.parametrize("place", ["preparing", "compiling", "reporting"])
def test_where_nothing_is_to_be_saved_all_leave_at_once(place: str, tmp_path: Path) -> None:
    assert stopped(tmp_path / "run", place, 60, "--config.train.epochs=0.2") < 15


def test_a_validation_is_finished_and_saved(tmp_path: Path) -> None:
    """Though one process alone is told."""
    stopped(tmp_path / "run", "validating", 3, "--config.train.eval_every=0.5", which=1)
    done = len(losses(tmp_path / "run"))
    assert done < STEPS
    said = (tmp_path / "by_flags0.log").read_text()
    assert f"stopped after step {done}; the last checkpoint is of step {done}\n" in said


def test_the_last_save_is_finished(tmp_path: Path) -> None:
    assert stopped(tmp_path / "run", "closing", 3, "--config.train.epochs=0.2") > 2
    with Checkpoints(tmp_path / "run", read_only=True) as checkpoints:
        assert checkpoints.record().step == 1
