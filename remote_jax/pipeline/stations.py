"""Stations of a pipeline: commands that run one after another, each skipped if nothing changed.

`pipeline.json` in the folder of a pipeline says of each station what it was run on: a digest of its
command and of the files that it reads.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import remote_jax
from remote_jax.data.files import read_json, sha256
from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import write_json
from remote_jax.serve.partial_answers import SOME_UNANSWERED

STATE = "pipeline.json"
MAX_STATE = 2**20


@dataclass(frozen=True)
class Station:
    """One command of a pipeline.

    Attributes:
        name: as it is told, and of its log, NAME.log.
        module: that Python runs, such as `remote_jax.main`.
        arguments: of the command.
        inputs: files that it reads and that earlier stations, or people, write. Folders count by
            the file that is written last in them.
        output: what it writes, a file or a folder of its own.
        finished: the file that is there once it is done.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]
    output: Path
    finished: Path

    @property
    def command(self) -> str:
        """What a person would type."""
        return shlex.join(["python", "-m", self.module, *self.arguments])

    def key(self) -> str:
        """A digest of the command, the version of this package and the content of the inputs.

        Raises:
            UserError: an input is missing.
        """
        parts = [self.command, remote_jax.__version__]
        for path in self.inputs:
            if not path.is_file():
                raise UserError(f"Station {self.name!r} reads {path}, which is not there.")
            parts.append(sha256(path))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


Start = Callable[[Station, Path], int]
"""Runs a station's command with a log; returns its exit code."""


def run(stations: Sequence[Station], workdir: Path, start: Start) -> dict[str, float | None]:
    """Runs the stations whose command or inputs are new, or that were stopped.

    What a station wrote from other inputs is removed before it runs again. One that was stopped is
    started with its output as it is: the commands resume.

    Returns:
        Seconds of each station; None of those that were skipped.

    Raises:
        UserError: a station fails, or ends without the file that says that it is done.
    """
    with writing(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    state = _read(workdir)
    taken: dict[str, float | None] = {}
    for station in stations:
        key, before = station.key(), state.get(station.name, {})
        if before == {"key": key, "done": True} and station.finished.is_file():
            taken[station.name] = None
            continue
        if before and before.get("key") != key:
            _remove(station.output, workdir)
        state[station.name] = {"key": key, "done": False}
        write_json(workdir / STATE, state)
        began = time.monotonic()
        _run_one(station, workdir, start)
        taken[station.name] = time.monotonic() - began
        state[station.name] = {"key": key, "done": True}
        write_json(workdir / STATE, state)
    return taken


def _run_one(station: Station, workdir: Path, start: Start) -> None:
    log = workdir / f"{station.name}.log"
    print(f"\n[{station.name}] {station.command}", flush=True)
    code = start(station, log)
    if code not in (0, SOME_UNANSWERED):
        raise UserError(
            f"Station {station.name!r} ended with exit code {code}; its log is {log}. The same "
            "command goes on from here."
        )
    if not station.finished.is_file():
        raise UserError(f"Station {station.name!r} has not written {station.finished}; see {log}.")


def start_process(station: Station, log: Path) -> int:
    """Runs a station in a process of its own, with what it says in the log; `Start`."""
    with writing(log), log.open("a", encoding="utf-8") as file:
        file.write(f"$ {station.command}\n")
        file.flush()
        return subprocess.run(
            [sys.executable, "-m", station.module, *station.arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
        ).returncode


def _read(workdir: Path) -> dict[str, Any]:
    path = workdir / STATE
    if not path.is_file():
        return {}
    found = read_json(path, MAX_STATE)
    if not all(isinstance(one, dict) for one in found.values()):
        raise UserError(f"{path} is damaged: remove it, and every station runs again.")
    return found


def _remove(output: Path, workdir: Path) -> None:
    """Removes what a station wrote, which is never outside of the pipeline's folder."""
    if not output.resolve().is_relative_to(workdir.resolve()) or output == workdir:
        raise UserError(f"{output} is outside of {workdir}, and is not replaced: remove it.")
    with writing(output):
        if output.is_dir() and not output.is_symlink():
            shutil.rmtree(output)
        else:
            output.unlink(missing_ok=True)
