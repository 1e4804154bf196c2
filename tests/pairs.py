"""Two processes of the toy over loopback, as flags or a cluster start them."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import jax
import toy
from forked import Forked
from meshes import simulated

from remote_jax.runtime import cluster, processes
from remote_jax.training.checkpoint import Checkpoints

DEVICES, STEPS = 4, 20
CONFIG = Path(toy.__file__)
TOY = (
    *(f"--config={CONFIG}", "--config.train.epochs=3.2"),
    *(f"--config.mesh.fsdp={DEVICES}", "--config.model.hidden=256"),  # split over both
    "--config.train.learning_rate=0.005",
    *("--config.train.log_every=1", "--config.train.eval_every=2"),
)
PAUSES = {
    "meeting": (jax.distributed, "initialize"),
    "preparing": (toy.ToyTask, "prepare"),
    "compiling": (processes, "compiled_together"),
    "validating": (toy.ToyTask, "metrics"),
    "closing": (Checkpoints, "__exit__"),
    "reporting": (toy.ToyTask, "rows"),
}
"""Places of a run, each the first call of a function."""


def pause(place: str, seconds: float) -> None:
    """Has the first call that is such a place say so, and last so much longer."""
    owner, name = PAUSES[place]
    function = getattr(owner, name)

    def paused(*arguments: Any, **named: Any) -> Any:
        setattr(owner, name, function)
        print(f"pauses: {place}", file=sys.stderr, flush=True)
        time.sleep(seconds)
        return function(*arguments, **named)

    setattr(owner, name, paused)


def start(log: Path, devices: int, *flags: str, **variables: str) -> Forked:
    """A process with so many devices; what it says goes to the log."""
    environment = os.environ | simulated(devices) | variables
    return Forked(log, environment, *TOY, *flags, before=prepare)


def impatient() -> None:
    cluster.CONNECT_TIMEOUT = 1


def prepare() -> None:
    """Puts into a process what its environment asks for."""
    cluster.HEARTBEAT_TIMEOUT = 15  # else a process that just waits would be longer about it
    if "PAUSE" in os.environ:
        pause(os.environ["PAUSE"], float(os.environ["SECONDS"]))


def by_flags(workdir: Path, port: int, *flags: str, **variables: str) -> list[Forked]:
    """Two processes that are told of each other."""
    return [
        start(
            workdir.with_name(f"by_flags{process}.log"),
            DEVICES // 2,
            *(f"--workdir={workdir}", f"--coordinator=127.0.0.1:{port}", "--processes=2"),
            *(f"--process={process}", *flags),
            **variables,
        )
        for process in range(2)
    ]


def by_slurm(workdir: Path, job: int, *flags: str) -> list[Forked]:
    """Two processes that find each other by what `srun --ntasks=2` tells them."""
    return [
        start(
            workdir.with_name(f"by_slurm{process}.log"),
            DEVICES // 2,
            *(f"--workdir={workdir}", "--distributed", *flags),
            SLURM_JOB_ID=str(job),
            SLURM_STEP_NODELIST="127.0.0.1",
            SLURM_STEP_NUM_NODES="1",
            SLURM_NTASKS="2",
            SLURM_PROCID=str(process),
            SLURM_LOCALID=str(process),
        )
        for process in range(2)
    ]


def free_port(first: int = 20000) -> int:
    """A port from `first` on at which nobody listens."""
    for port in range(first + os.getpid() % 1000, 2**16):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no free port")
