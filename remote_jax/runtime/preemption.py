"""SIGTERM to one of many processes: it exits at once, or after a step that all agree on.

Before there is anything to save, and after the last save, a signalled process exits at once. A
thread receives the signal, because Python handles signals only between bytecodes of the main
thread, which may be in a long call. During training steps jax is told of the signal; it finds the
step after which all processes save and exit.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jax.experimental import multihost_utils

from remote_jax.runtime import processes
from remote_jax.runtime.signals import EXIT_CODE


class _Heard:
    """What is known of signals; they are sent to a process, so this is one for all of it."""

    lock = threading.Lock()
    sigterm = False
    held = False
    tell_jax: Callable[[int], None]


@contextmanager
def listening() -> Iterator[None]:
    """Around `jax.distributed.initialize`; SIGTERM is heard from here to the end of the program.

    jax puts a handler of its own in place, in C: ours comes back, and calls it when it is time.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers are the main thread's to change: jax's stays, and stops training alone
        return
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    threading.Thread(target=_listen, args=[ear], daemon=True).start()
    signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    # Orbax's event loop borrows that place at times, and lets handlers in Python run.
    signal.signal(signal.SIGTERM, lambda number, frame: mouth.send(bytes([number])))
    yield
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)
    in_place = ctypes.PYFUNCTYPE(handler, ctypes.c_int)(("PyOS_getsig", ctypes.pythonapi))
    _Heard.tell_jax = in_place(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


def hold() -> None:
    """From here on there are steps to save: on SIGTERM all stop after the same one.

    To be called where all have come that far.
    """
    with _Heard.lock:
        _Heard.held = True


def agreed(step: int) -> bool:
    """Whether SIGTERM has come to any of many processes; all are told at the same step.

    To be asked by all after each step.
    """
    return processes.many() and multihost_utils.reached_preemption_sync_point(step)


def release() -> None:
    """All steps are made and saved. Leaves if SIGTERM came too late for another one."""
    with _Heard.lock:
        _Heard.held = False
        if _Heard.sigterm:
            _leave()


def _listen(ear: socket.socket) -> None:
    """Hears the numbers of signals, for ever: to tell jax again changes nothing."""
    while True:
        if ear.recv(1) != bytes([signal.SIGTERM]):
            continue
        with _Heard.lock:
            _Heard.sigterm = True
            if _Heard.held:
                _Heard.tell_jax(signal.SIGTERM)
            else:
                _leave()


def _leave() -> None:
    print("remote_jax: stopped by SIGTERM; start the same commands again.", file=sys.stderr)
    processes.end(EXIT_CODE)
