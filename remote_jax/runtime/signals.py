"""SIGTERM: the system wants its machine back. What is under way is finished and saved first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 75
"""EX_TEMPFAIL of sysexits.h: nothing is wrong, start the same command again."""


class Stopped(SystemExit):
    """SIGTERM came. An exit rather than an error, so that libraries let it pass."""

    def __init__(self) -> None:
        super().__init__(EXIT_CODE)


class _Asked:
    """What is known of signals; they are sent to a process, so this is one for all of it."""

    stop = False
    held = False


@contextmanager
def listening() -> Iterator[None]:
    """From the first SIGTERM on, further ones and SIGINT are ignored: the save is not disturbed.

    Raises:
        Stopped: SIGTERM came; at once, or at the end of what is under `held`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python tells the main thread alone of signals
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        _Asked.stop = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Around what is to be finished once it is begun.

    Raises:
        Stopped: it is finished, and SIGTERM has come.
    """
    _Asked.held = True
    try:
        yield
    finally:
        _Asked.held = False
    if _Asked.stop:
        raise Stopped


def _stop(number: int, frame: object) -> None:
    del number, frame
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    _Asked.stop = True
    if not _Asked.held:
        raise Stopped
