"""Where the lines of `metrics.jsonl` go as well: TensorBoard, and services that one asks for.

    --config.log.wandb=PROJECT        Weights & Biases
    --config.log.mlflow=EXPERIMENT    MLflow

A service is told from a thread of its own (`Remote`), so training waits for no network, and what
fails there ends no training: it is said once, and the service gets nothing more of this start.
"""

from __future__ import annotations

import importlib.util
import json
import math
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from remote_jax.errors import UserError, writing
from remote_jax.reporting.progress import say
from remote_jax.reporting.results import write_json
from remote_jax.reporting.services import SERVICES, Service

Line = Mapping[str, Any]
"""A line of `metrics.jsonl`: `step`, `split`, `time`, and values by name."""

ENDED_SECONDS, STOPPED_SECONDS = 120.0, 10.0
"""How long the end of a run, and a run that is stopped, waits for a service."""

MAX_STATE = 2**12
"""Bytes of the file that says which run of a service is ours."""

MAX_REASON = 600
"""Characters of what a service's library says that are shown; the remedy often comes last."""

RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Ids of runs; they become parts of paths and of addresses."""


class Tracker(Protocol):
    """Something that shows how a run goes."""

    def begin(self, step: int, lines: Sequence[Line]) -> None:
        """Told once, before the first line.

        Args:
            step: where the run stands; 0 where it begins.
            lines: those that it has so far.
        """

    def write(self, line: Line) -> None:
        """One more line.

        Raises:
            UserError: it cannot be written here.
        """


def points(line: Line) -> dict[str, float]:
    """The numbers of a line by name, as `train/loss`; those of the machine among them."""
    return {
        f"{line['split']}/{name}": value
        for name, value in {**line, **line.get("time", {})}.items()
        if name != "step" and isinstance(value, int | float) and math.isfinite(value)
    }


class TensorBoard:
    """The `Tracker` that every run has, in `WORKDIR/tensorboard`."""

    def __init__(self, workdir: Path, step: int, *, enabled: bool) -> None:
        """Opens the events of a run that stands at `step`; those after it are dropped.

        Raises:
            UserError: the folder cannot be written.
        """
        # Imported here because it takes seconds, which no other mode should pay.
        from tensorboardX import SummaryWriter

        self._folder = workdir / "tensorboard"
        with writing(self._folder):
            # Its queue has no bound: on a full disk its thread ends, and a full queue would block.
            self._board = SummaryWriter(
                str(self._folder), purge_step=step + 1, max_queue=0, write_to_disk=enabled
            )

    def begin(self, step: int, lines: Sequence[Line]) -> None:
        """Nothing: what it has of these lines is still there."""

    def write(self, line: Line) -> None:
        for name, value in points(line).items():
            self._board.add_scalar(name, value, line["step"])

    def close(self) -> None:
        self._board.close()


@dataclass(frozen=True)
class State:
    """What a run knows of itself at a service.

    Attributes:
        place: the project or experiment.
        run: the service's id of the run there.
        lines: of `metrics.jsonl` that it has.
    """

    place: str
    run: str
    lines: int

    @classmethod
    def read(cls, path: Path) -> State | None:
        """What a file says, which may come from a stranger; None where there is none.

        Raises:
            UserError: it is no such file.
        """
        if not path.exists():
            return None
        try:
            if not path.is_file() or path.stat().st_size > MAX_STATE:
                raise ValueError("no file of ours")
            found = cls(**json.loads(path.read_bytes()))
            if type(found.lines) is not int or not 0 <= found.lines < 2**62:
                raise ValueError("no number of lines")
            if not isinstance(found.place, str) or not RUN.fullmatch(found.run):
                raise ValueError("no id of a run")
        except (OSError, TypeError, ValueError, RecursionError) as error:
            raise UserError(
                f"{path} does not say which run this one is elsewhere: delete it, and a new one is "
                "begun there."
            ) from error
        return found


class Remote:
    """A `Tracker` that tells a service, in order, from a thread of its own."""

    def __init__(self, service: Service, place: str, workdir: Path) -> None:
        """Tells nothing yet.

        Args:
            place: the project or experiment.
            workdir: of the run; `WORKDIR/SERVICE.json` is kept there.

        Raises:
            UserError: that file is not one of ours.
        """
        self._service, self._place = service, place
        self._path = workdir / f"{service.name}.json"
        self._state = State.read(self._path)
        self._lines = 0
        self._failed = False
        self._waiting = queue.SimpleQueue[Callable[[], None] | None]()
        self._thread = threading.Thread(target=self._work, name=service.name, daemon=True)

    def begin(self, step: int, lines: Sequence[Line]) -> None:
        """Goes on with the service's run of this one, or begins one, and sends what it lacks."""
        if step == 0 or (self._state is not None and self._state.place != self._place):
            self._state = None
        self._thread.start()
        self._waiting.put(self._open)
        for line in lines:
            self.write(line)

    def write(self, line: Line) -> None:
        self._lines += 1
        self._put(self._send, self._lines, line)

    def attach(self, scores: Mapping[str, float], report: Path | None) -> None:
        """Sends what there is at the end: scores, and the folder of a report."""
        self._put(self._service.attach, scores, report)

    def close(self, *, ended: bool) -> None:
        """Waits until all is sent, or for so long.

        Args:
            ended: the run has; else it was stopped, or failed.
        """
        if not self._thread.is_alive():
            return
        seconds = ENDED_SECONDS if ended else STOPPED_SECONDS
        self._put(self._service.close, ended)
        self._waiting.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            say(f"{self._service.title} did not take all of the run within {seconds:.0f} seconds")

    def _put(self, told: Callable[..., None], *arguments: Any) -> None:
        if not self._failed:
            self._waiting.put(partial(told, *arguments))

    def _open(self) -> None:
        run = self._service.open(self._state.run if self._state else None)
        self._keep(State(self._place, run, self._state.lines if self._state else 0))

    def _send(self, number: int, line: Line) -> None:
        """A line by its number; one that the service has is not sent again."""
        assert self._state is not None
        if number > self._state.lines:
            self._service.write(int(line["step"]), points(line))
            self._keep(replace(self._state, lines=number))

    def _keep(self, state: State) -> None:
        self._state = state
        write_json(self._path, asdict(state))

    def _work(self) -> None:
        try:
            while (told := self._waiting.get()) is not None:
                told()
        except Exception as error:  # whatever a library or a network provokes
            self._failed = True
            why = " ".join(str(error).split()) or type(error).__name__
            say(
                f"{self._service.title} failed ({why[:MAX_REASON]}); this run goes on without it. "
                "Started again, a run that is not finished sends what is missing there."
            )


def check(places: Mapping[str, str]) -> None:
    """Checks that services can be told, before anything is done for it.

    Args:
        places: the project or experiment by the name of the service; "" for none.

    Raises:
        UserError: the library of one is not installed, or it knows no account or no such name.
    """
    for name, place in _named(places):
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"config.log.{name} is {place!r}, which needs {name}: pip install -e '.[{name}]'."
            )
        SERVICES[name].check(place)


def _named(places: Mapping[str, str]) -> list[tuple[str, str]]:
    """Services that there is a place at; a person's own config may have more keys there."""
    return [(name, places[name]) for name in SERVICES if places.get(name)]


@contextmanager
def opened(
    places: Mapping[str, str], workdir: Path, settings: Mapping[str, Any]
) -> Iterator[list[Remote]]:
    """The services that a run tells; they are closed when it ends, is stopped or fails.

    Args:
        places: as those of `check`.
        workdir: of the run.
        settings: values by key, to be shown with it.

    Raises:
        UserError: a file in the workdir is not one of ours.
    """
    found = [
        Remote(SERVICES[name](place, workdir, settings), place, workdir)
        for name, place in _named(places)
    ]
    ended = False
    try:
        yield found
        ended = True
    finally:
        for one in found:
            one.close(ended=ended)
