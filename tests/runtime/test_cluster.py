"""How processes find each other: flags that belong together, and what is said when they do not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toy
from forked import Forked
from pairs import impatient

from remote_jax.commands import arguments
from remote_jax.errors import UserError
from remote_jax.runtime import cluster

CONFIG = f"--config={Path(toy.__file__)}"
CLUSTERS = ("SLURM_", "OMPI_", "KUBERNETES_", "TPU_", "JAX_COORDINATOR")


def asked(*flags: str) -> cluster.Job | None:
    found = arguments.parse(["remote_jax", CONFIG, *flags], "")
    assert found is not None
    return found.job


def test_nothing_but_a_flag_makes_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID"):
        monkeypatch.setenv(name, "2")
    assert asked() is None
    assert asked("--distributed") == cluster.Job()
    flags = ("--coordinator=[::1]:99", "--processes=3", "--process=0")
    assert asked(*flags) == cluster.Job("[::1]:99", 3, 0)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--process=0",), "there is no --coordinator and no --processes"),
        (("--coordinator=a:1", "--processes=2"), "there is no --process$|no --process."),
        (("--distributed", "--processes=2"), "leave out --coordinator"),
        (("--coordinator=a:1", "--processes=2", "--process=2"), "from 0 to --processes - 1 = 1"),
        (("--coordinator=a", "--processes=2", "--process=1"), "HOST:PORT of process 0, found 'a'"),
        (("--coordinator=a:x", "--processes=2", "--process=1"), "HOST:PORT"),
        (("--coordinator=a:1", "--processes=0", "--process=0"), "processes"),
        (("--coordinator=a:1", "--processes=2", "--process=-1"), "process"),
    ],
)
def test_flags_that_do_not_go_together(flags: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        asked(*flags)


def test_who_finds_no_other_says_so(tmp_path: Path) -> None:
    """Where there is no cluster, and where no other process comes, at either end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(CLUSTERS)}
    workdir = tmp_path / "run"
    workdir.mkdir()
    alone = ("--coordinator=127.0.0.1:61", "--processes=2", "--process=1")
    first = ("--coordinator=127.0.0.1:19871", "--processes=2", "--process=0")
    running = [
        Forked(
            tmp_path / f"{number}.log",
            environment | {"JAX_PLATFORMS": "cpu"},
            *(CONFIG, f"--workdir={workdir}", *flags),
            before=impatient,
        )
        for number, flags in enumerate((("--distributed",), alone, first))
    ]
    codes = [process.wait(timeout=120) for process in running]
    said = [process.log.read_text() for process in running]
    assert codes == [2, 2, 2], said
    assert "--distributed found no processes: this is no part of a job" in said[0]
    for text, place in zip(said[1:], ("127.0.0.1:61", "127.0.0.1:19871"), strict=True):
        assert f"2 processes did not meet at {place} within 1 seconds" in text
    assert not any("Traceback" in text for text in said) and not list(workdir.iterdir())
