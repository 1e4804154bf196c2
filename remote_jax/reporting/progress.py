"""How far long work is: a bar by tqdm on a terminal, else a line now and then, on standard error.

for row in tracked(rows, "reading train.txt", "rows"): ...    counted work
with working("compiling the first step"): ...                 work that cannot be counted
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

FIRST_SECONDS = 2.0
"""Work that is done sooner tells nothing where there is no terminal."""

PLAIN_SECONDS = 10.0
"""Least time between two lines of the same work there."""

BAR_SECONDS = 0.5
"""Age of work at which its bar appears on a terminal."""

T = TypeVar("T")


class _Voice:
    """Whether this process is heard; there is one standard error, so one for all of it."""

    muted = False


@contextmanager
def muted() -> Iterator[None]:
    """Around what one of many processes does that is not the first: it tells nothing."""
    before, _Voice.muted = _Voice.muted, True
    try:
        yield
    finally:
        _Voice.muted = before


def say(text: str) -> None:
    """A line of its own, above the bars; from any thread."""
    if _Voice.muted:
        return
    if sys.stderr.isatty():
        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """What is done, how much of how much, how fast, and how long the rest takes.

    Args:
        doing: as "reading train.txt".
        unit: of what is counted, in the plural.
        total: how much there is; None where nobody knows.
        start: how much was done before.
    """

    def __init__(self, doing: str, unit: str, total: int | None = None, *, start: int = 0) -> None:
        self._doing, self._unit, self._total = doing, unit, total
        self._bar = (
            tqdm(
                total=total,
                initial=start,
                desc=doing,
                unit=f" {unit}",
                dynamic_ncols=True,
                leave=False,
                delay=BAR_SECONDS,
            )
            if sys.stderr.isatty() and not _Voice.muted
            else None
        )
        self._done = start
        self._first: tuple[float, int] | None = None
        """When the first piece was done, and what was done by then. The rate does not count it: a
        program may have been compiled for it."""
        self._due = time.monotonic() + FIRST_SECONDS
        self._told: int | None = None
        self._note = ""

    def update(self, done: int, note: str = "") -> None:
        """So much is done by now.

        Args:
            note: what else there is to tell, as "loss 0.1234".
        """
        now = time.monotonic()
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(done - self._done)
        self._done, self._note = done, note
        if now >= self._due and self._bar is None:
            self._tell(now)
        if self._first is None:
            self._first = now, done

    def close(self) -> None:
        """The work has ended. Where lines told of it, one says how far it came."""
        if self._bar is not None:
            self._bar.close()
        elif self._told not in (None, self._done):
            self._tell(time.monotonic())

    def _tell(self, now: float) -> None:
        self._due, self._told = now + PLAIN_SECONDS, self._done
        of = "" if self._total is None else f" of {self._total:,}"
        parts = [f"{self._doing}: {self._done:,}{of} {self._unit}"]
        began, before = self._first or (now, self._done)
        if self._done > before and now > began:
            rate = (self._done - before) / (now - began)
            parts.append(f"{_number(rate)} {self._unit}/s")
            if self._total is not None:
                left = tqdm.format_interval((self._total - self._done) / rate)
                parts.append(f"{left} left")
        say(", ".join([*parts, *filter(None, [self._note])]))


def _number(rate: float) -> str:
    return f"{rate:,.1f}" if rate >= 1 else f"{rate:.2g}"


def tracked(
    items: Iterable[T], doing: str, unit: str, total: int | None = None, *, each: int = 1
) -> Iterator[T]:
    """The items, with `Progress` of those that are done.

    Args:
        doing, unit: as of `Progress`.
        total: of the unit; not needed for items that know their number.
        each: how many of the unit an item is; the last may be fewer.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    progress = Progress(doing, unit, total)
    try:
        for number, item in enumerate(items, start=1):
            yield item
            done = number * each
            progress.update(done if total is None else min(done, total))
    finally:
        progress.close()


@contextmanager
def working(doing: str) -> Iterator[None]:
    """Around work without parts to count: says what is done, unless it ends soon.

    Where it took so long that a person may have looked away, also that it has ended.
    """
    began = time.monotonic()
    timer = threading.Timer(FIRST_SECONDS, say, [f"{doing} ..."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if (seconds := time.monotonic() - began) >= PLAIN_SECONDS:
        say(f"{doing} took {tqdm.format_interval(seconds)}")
