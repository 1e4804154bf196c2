"""What a run writes while it runs: `metrics.jsonl`, and the same to trackers; and its clock."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import write_atomically
from remote_jax.reporting.trackers import TensorBoard, Tracker


class MetricsLog:
    """`metrics.jsonl`: one line a split and step, repeatable but for what is under `time`."""

    def __init__(
        self, workdir: Path, step: int, trackers: Sequence[Tracker] = (), *, enabled: bool = True
    ) -> None:
        """Opens the log of a run that stands at `step`; later lines of an earlier try are dropped.

        Every line up to a step is on disk before that step is saved, so a run that is stopped and
        goes on leaves the same file as one that never stopped.

        Args:
            trackers: that get each line as well; TensorBoard always does.
            enabled: whether anything is written; of many processes one does.
        """
        self._path = path = workdir / "metrics.jsonl" if enabled else Path(os.devnull)
        lines = list(_lines_until(path, step)) if enabled else []
        if enabled:
            write_atomically(path, lines)
        with writing(path):
            self._file = path.open("a", encoding="utf-8")
        self._board = TensorBoard(workdir, step, enabled=enabled)
        self._trackers = (self._board, *trackers) if enabled else ()
        for tracker in self._trackers:
            tracker.begin(step, [json.loads(line) for line in lines])

    def write(
        self, step: int, split: str, values: Mapping[str, float], seconds: Mapping[str, float]
    ) -> None:
        """Appends a line, and tells the trackers.

        Args:
            values: what any run with this config has at this step; all finite.
            seconds: what depends on the machine.

        Raises:
            UserError: the file cannot be written.
        """
        line = {"step": step, "split": split, **values, "time": dict(seconds)}
        text = json.dumps(line, allow_nan=False) + "\n"
        with writing(self._path):
            self._file.write(text)
            self._file.flush()
        for tracker in self._trackers:
            tracker.write(line)

    def close(self) -> None:
        with writing(self._path):
            try:
                self._file.close()
            finally:
                self._board.close()


def _lines_until(path: Path, step: int) -> Iterator[str]:
    """Whole lines up to a step; a line cut off in the middle ends them."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not line.endswith("\n") or _step(line, f"{path}:{number}") > step:
            return
        yield line


def _step(line: str, place: str) -> int:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{place} is not a line that a run wrote: delete it, and the run goes on without it."
        ) from error


class Clock:
    """Where the time of a run goes, in seconds."""

    def __init__(self) -> None:
        self._began = self._lap_began = time.monotonic()
        self._lap_waited = self._lap_paused = self._waited = 0.0
        self._lap_steps = 0
        self.all_waited = self.all_paused = 0.0
        """Of this process, from its start."""

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around what waits for the data of a step."""
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self.all_waited += seconds
        self._lap_waited += seconds
        self._lap_steps += 1

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around what is no training: validation and saving."""
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        self.all_paused += seconds
        self._lap_paused += seconds

    def lap(self, batch_size: float) -> dict[str, float]:
        """Speed since the last lap, over the steps that this process made in it."""
        now = time.monotonic()
        seconds = now - self._lap_began - self._lap_paused
        line = {
            "seconds": seconds,
            "examples_per_s": self._lap_steps * batch_size / max(seconds, 1e-9),
            "data_wait_s": self._lap_waited,
        }
        self._waited += self._lap_waited
        self._lap_began, self._lap_waited, self._lap_paused, self._lap_steps = now, 0.0, 0.0, 0
        return line

    def read(self) -> tuple[float, float]:
        """Seconds since the last reading, and how many of them waited for data."""
        now = time.monotonic()
        seconds, waited = now - self._began, self._waited + self._lap_waited
        self._began, self._waited = now, -self._lap_waited
        return seconds, waited
