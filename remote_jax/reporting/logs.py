"""What a run tells while it runs: a progress line, `metrics.jsonl` and TensorBoard."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import write_atomically

PLAIN_SECONDS = 10.0
"""Least time between two progress lines where there is no terminal."""


class MetricsLog:
    """`metrics.jsonl`: one line a split and step, repeatable but for what is under `time`."""

    def __init__(self, workdir: Path, step: int, *, enabled: bool = True) -> None:
        """Opens the log of a run that stands at `step`; later lines of an earlier try are dropped.

        Every line up to a step is on disk before that step is saved, so a run that is stopped and
        goes on leaves the same file as one that never stopped.

        Args:
            enabled: whether anything is written; of many processes one does.
        """
        # Imported here because it takes seconds, which no other mode should pay.
        from tensorboardX import SummaryWriter

        self._path = path = workdir / "metrics.jsonl" if enabled else Path(os.devnull)
        if enabled:
            write_atomically(path, list(_lines_until(path, step)))
        with writing(path):
            self._file = path.open("a", encoding="utf-8")
        board = workdir / "tensorboard"
        with writing(board):
            # Its queue has no bound: on a full disk its thread ends, and a full queue would block.
            self._board = SummaryWriter(
                str(board), purge_step=step + 1, max_queue=0, write_to_disk=enabled
            )

    def write(
        self, step: int, split: str, values: Mapping[str, float], seconds: Mapping[str, float]
    ) -> None:
        """Appends a line and its TensorBoard points.

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
        for name, value in {**values, **seconds}.items():
            self._board.add_scalar(f"{split}/{name}", value, step)

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

    def lap(self, batch_size: int) -> dict[str, float]:
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


class Progress:
    """A bar on a terminal, else a line now and then; both on standard error."""

    def __init__(self, steps: int, start: int, *, shown: bool = True) -> None:
        self._steps, self._shown = steps, shown
        self._bar = (
            tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True, leave=False)
            if shown and sys.stderr.isatty()
            else None
        )
        self._start, self._began, self._told = start, time.monotonic(), 0.0

    def advance(self) -> None:
        """One more step was sent to the device."""
        if self._bar is not None:
            self._bar.update()

    def update(self, step: int, loss: float, rate: float) -> None:
        """Shows the loss and the examples a second."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {loss:.4f}, {rate:.1f} examples/s")
            return
        now = time.monotonic()
        if now - self._told < PLAIN_SECONDS and step < self._steps:
            return
        self._told = now
        left = (now - self._began) / max(step - self._start, 1) * (self._steps - step)
        self.log(
            f"step {step}/{self._steps}, loss {loss:.4f}, {rate:.1f} examples/s, "
            f"{tqdm.format_interval(left)} left"
        )

    def log(self, text: str) -> None:
        """A line of its own, above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        elif self._shown:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class AnswerProgress:
    """How many posts are answered: a bar on a terminal, else a line now and then.

    Args:
        total: posts that there are.
        done: those that are answered already.
    """

    def __init__(self, total: int, done: int) -> None:
        self._total, self._start = total, done
        self._bar = (
            tqdm(total=total, initial=done, unit="post", dynamic_ncols=True, leave=False)
            if sys.stderr.isatty()
            else None
        )
        self._began = self._told = time.monotonic()

    def update(self, done: int, errors: int) -> None:
        """So many posts are answered, so many of them with an error."""
        wrong = f"{errors:,} with an error"
        if self._bar is not None:
            self._bar.set_postfix_str(wrong, refresh=False)
            self._bar.update(done - self._bar.n)
            return
        now = time.monotonic()
        if now - self._told < PLAIN_SECONDS:
            return
        self._told = now
        rate = (done - self._start) / (now - self._began)
        left = tqdm.format_interval((self._total - done) / rate)
        self.log(f"{done:,} of {self._total:,} posts, {wrong}, {rate:.1f} posts/s, {left} left")

    def log(self, text: str) -> None:
        """A line of its own, above the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
