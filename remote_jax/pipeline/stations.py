"""Stations of a pipeline: commands that run one after another, each skipped if nothing changed.

`pipeline.json` in the folder of a pipeline says of each station what it was run on: a digest of its
command and of the files that it reads.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remote_jax.data.files import read_json, sha256
from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import write_json
from remote_jax.runtime import signals
from remote_jax.serve.partial_answers import SOME_UNANSWERED

STATE = "pipeline.json"
MAX_STATE = 2**20

INTERRUPTED = 130
"""Exit code after Ctrl-C."""


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
        resumes: whether it goes on with what it wrote from other inputs, as one that asks a paid
            service; it is also started again where it could not use some posts.
        check: raises a UserError where what earlier stations made is not enough for it.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    inputs: tuple[Path, ...]
    output: Path
    finished: Path
    resumes: bool = False
    check: Callable[[], None] | None = None

    @property
    def command(self) -> str:
        """What a person would type."""
        return shlex.join(["python", "-m", self.module, *self.arguments])

    def key(self, workdir: Path) -> str:
        """A digest of the command and of the content of the inputs, wherever `workdir` is.

        Raises:
            UserError: an input is missing.
        """
        parts = [self.command.replace(str(workdir), "WORKDIR")]
        for path in self.inputs:
            if not path.is_file():
                raise UserError(
                    f"Station {self.name!r} reads {path}, which is not there; the logs of the "
                    f"stations before it are in {workdir}."
                )
            parts.append(sha256(path))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


Start = Callable[[Station, Path], int]
"""Runs a station's command with a log; returns its exit code."""


def run(stations: Sequence[Station], workdir: Path, start: Start) -> dict[str, float | None]:
    """Runs the stations whose command or inputs are new, or that were stopped.

    What a station wrote from other inputs is moved aside before it runs again. One that was stopped
    is started with its output as it is: the commands resume.

    Returns:
        Seconds of each station; None of those that were skipped.

    Raises:
        UserError: a station fails, cannot work on what was made before it, or ends without the file
            that says that it is done.
        signals.Stopped, KeyboardInterrupt: a station was stopped so.
    """
    with writing(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    state = _read(workdir)
    taken: dict[str, float | None] = {}
    for station in stations:
        if station.check is not None:
            station.check()
        key, before = station.key(workdir), state.get(station.name, {})
        if before == {"key": key, "done": True} and station.finished.is_file():
            taken[station.name] = None
            continue
        if before and before.get("key") != key and not station.resumes:
            _move_aside(station.output, workdir)
        state[station.name] = {"key": key, "done": False}
        write_json(workdir / STATE, state)
        began = time.monotonic()
        whole = _run_one(station, workdir, start)
        taken[station.name] = time.monotonic() - began
        state[station.name] = {"key": key, "done": whole or not station.resumes}
        write_json(workdir / STATE, state)
    return taken


def _run_one(station: Station, workdir: Path, start: Start) -> bool:
    """Runs a station; tells whether it could use all posts or questions."""
    log = workdir / f"{station.name}.log"
    print(f"\n[{station.name}] {station.command}", flush=True)
    code = start(station, log)
    if code == signals.EXIT_CODE:
        raise signals.Stopped
    if code in (INTERRUPTED, -signal.SIGINT):
        raise KeyboardInterrupt
    if code not in (0, SOME_UNANSWERED):
        raise UserError(f"Station {station.name!r} ended with {code}: {_last(log)} (all of {log})")
    if not station.finished.is_file():
        raise UserError(f"Station {station.name!r} has not written {station.finished}; see {log}.")
    if code:
        print(f"some could not be used: see {log}", flush=True)
    return code == 0


def _last(log: Path) -> str:
    """The last line of a log that is not blank."""
    lines = log.read_text("utf-8", "replace").splitlines() if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def start_process(station: Station, log: Path) -> int:
    """Runs a station in a process of its own, with what it says in the log; `Start`."""
    with writing(log), log.open("a", encoding="utf-8") as file:
        file.write(f"$ {station.command}\n")
        file.flush()
        process = subprocess.Popen(
            [sys.executable, "-m", station.module, *station.arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # the station has had it too, and saves what it is at
    finally:
        signal.signal(signal.SIGTERM, before)


def _read(workdir: Path) -> dict[str, Any]:
    path = workdir / STATE
    if not path.is_file():
        return {}
    found = read_json(path, MAX_STATE)
    if not all(isinstance(one, dict) for one in found.values()):
        raise UserError(f"{path} is damaged: remove it, and every station runs again.")
    return found


def _move_aside(output: Path, workdir: Path) -> None:
    """Gives what a station wrote from other inputs another name, `NAME.1` or the next free one."""
    if not output.resolve().is_relative_to(workdir.resolve()) or output == workdir:
        raise UserError(f"{output} is outside of {workdir}, and is not replaced: move it away.")
    if output.exists():
        names = (output.with_name(f"{output.name}.{number}") for number in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        with writing(aside):
            output.rename(aside)
        print(f"{output} is of other inputs, and is kept as {aside}", flush=True)
