"""Several processes over loopback: they train as one, and none outlives another."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from meshes import differences, losses
from pairs import DEVICES, STEPS, by_flags, by_slurm, free_port, start

from remote_jax.runtime.signals import EXIT_CODE


def saved(workdir: Path) -> bool:
    folders = (workdir / "checkpoints" / "latest").glob("*")
    return any(folder.name.isdecimal() for folder in folders)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def killed(folder: Path) -> Path:
    """A run of two processes of which one was killed after its first checkpoint."""
    workdir = folder / "two"
    one, other = by_flags(workdir, free_port(), "--config.data.delay=0.1")
    try:
        while not saved(workdir):
            assert one.poll() is None and other.poll() is None
            time.sleep(0.01)
        other.send_signal(signal.SIGKILL)
        one.wait(timeout=60)
    finally:
        one.kill()
        other.kill()
    assert one.returncode not in (0, None)
    return workdir


@pytest.fixture(scope="module")
def preempted(killed: Path) -> tuple[Path, list[int]]:
    """The same run gone on, one of whose processes got SIGTERM; the codes both left with."""
    pair = by_flags(killed, free_port(), "--config.data.delay=0.1")
    said, before = killed.with_name("by_flags0.log"), len(losses(killed))
    try:
        while "goes on after step" not in said.read_text() or len(losses(killed)) <= before:
            assert all(process.poll() is None for process in pair)
            time.sleep(0.01)
        pair[1].send_signal(signal.SIGTERM)
        return killed, [process.wait(timeout=60) for process in pair]
    finally:
        for process in pair:
            process.kill()


def test_a_killed_process_ends_the_other(killed: Path) -> None:
    said = killed.with_name("by_flags0.log").read_text()
    assert "another one ended first" in said or "another task died" in said
    assert not (killed / "results.json").exists()


def test_sigterm_to_one_stops_all_after_the_same_step(preempted: tuple[Path, list[int]]) -> None:
    workdir, codes = preempted
    assert codes == [EXIT_CODE, EXIT_CODE]
    done = len(losses(workdir))
    assert done < STEPS
    assert f"stopped after step {done}; the last" in workdir.with_name("by_flags0.log").read_text()


def spoil(workdir: Path, process: int) -> int:
    """Puts other bytes into what one process wrote of the latest checkpoint, whose step it is."""
    latest = workdir / "checkpoints" / "latest"
    step = max(int(path.name) for path in latest.iterdir() if path.name.isdecimal())
    files = list((latest / str(step) / "arrays" / f"ocdbt.process_{process}" / "d").iterdir())
    assert files
    for path in files:
        path.write_bytes(bytes(path.stat().st_size))
    return step


def test_a_restart_ends_as_one_process_does(
    preempted: tuple[Path, list[int]], killed: Path, folder: Path
) -> None:
    """Begun with flags, killed, stopped, damaged, gone on in SLURM: like four devices of one.

    Only the process whose part is damaged can tell; all go on from the checkpoint before.
    """
    damaged = spoil(killed, process=1)
    first = 2**16 - 2**12  # where jax counts the ports of SLURM's jobs from
    alone = start(folder / "alone.log", DEVICES, f"--workdir={folder / 'one'}")
    pair = by_slurm(killed, free_port(first) - first, "--config.data.delay=0.1")
    for process in (alone, *pair):
        assert process.wait(timeout=300) == 0, [log.read_text() for log in folder.glob("*.log")]
    results = json.loads((killed / "results.json").read_text())
    assert (results["processes"], results["devices"], results["steps"]) == (2, DEVICES, STEPS)
    said = [killed.with_name(f"by_slurm{process}.log").read_text() for process in range(2)]
    assert "goes on after step" in said[0] and "accuracy" in said[0]
    assert "step" not in said[1] and "accuracy" not in said[1]
    assert f"of step {damaged} is damaged (another process" in said[0]
    assert (killed / "checkpoints" / "damaged" / f"latest-{damaged}").is_dir()
    expected = losses(folder / "one")
    assert len(expected) == STEPS and expected[-1] < expected[0]
    loss, by_name = differences(folder / "one", killed)
    assert loss < 1e-5 and max(by_name.values()) < 1e-4
    rows = [(path / "predictions.jsonl").read_text() for path in (killed, folder / "one")]
    assert rows[0] == rows[1]
