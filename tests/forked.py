"""Processes of this package, forked from one that has imported it: importing takes seconds."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import toy
import tracers  # noqa: F401

from remote_jax import main

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["forked", "pairs", "remote_jax.roam.task", "remote_jax.training.loop", "remote_jax.serve.load"]
)


class Forked:
    """A process that runs `python -m remote_jax.main`, with the toy among its systems.

    Nothing of jax but its import was done where it is forked: it finds its own devices.

    Args:
        log: gets what it says, after what is there.
        environment: all of it.
        arguments: of the command line.
        before: is called first.
        settings: of `jax.config`, which has read its environment already.
    """

    def __init__(
        self,
        log: Path,
        environment: Mapping[str, str],
        *arguments: str,
        before: Callable[[], None] | None = None,
        **settings: object,
    ) -> None:
        settings = {"jax_platforms": environment.get("JAX_PLATFORMS"), **settings}
        log.touch()
        called = (log, dict(environment), ["remote_jax", *arguments], before, settings)
        self._process = CONTEXT.Process(target=_run, args=called, daemon=True)
        self._process.start()
        self.log = log

    def poll(self) -> int | None:
        return self._process.exitcode

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self.poll()
        assert code is not None, f"it still runs after {timeout} seconds"
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            assert self._process.pid is not None
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(
    log: Path,
    environment: dict[str, str],
    argv: list[str],
    before: Callable[[], None] | None,
    settings: dict[str, object],
) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    for name, value in settings.items():
        jax.config.update(name, value)
    toy.install()
    if before is not None:
        before()
    try:
        sys.exit(main.main(argv))
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
