"""Many processes of one run: who speaks and writes, who waits for whom, and how all end.

Every process runs the same program on the devices of its own; the cache and the folder of the run
are on a file system that all share. Process 0 alone prints and writes files, but for checkpoints,
which all write together.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import threading
import traceback
import zlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from remote_jax.errors import UserError

BARRIER_TIMEOUT = 24 * 60 * 60
"""Seconds that others wait for process 0, which may have a whole data set to build."""

EXIT_GRACE = 3
"""Seconds that process 0 outlives an error. When it goes jax aborts the others, which may be about
to tell the same error in a sentence."""


def many() -> bool:
    """Whether the run has been joined by `job.join`; asks for no device."""
    return jax.distributed.is_initialized()


def first() -> bool:
    """Whether this is process 0, or the only one."""
    return not many() or jax.process_index() == 0


def wait(name: str) -> None:
    """Comes back when every process has come here; each place has a name of its own."""
    if many():
        # Between hosts alone: no device is kept busy by waiting for long.
        ocp.multihost.get_barrier_sync_fn()(key=name, timeout_ms=1000 * BARRIER_TIMEOUT)


def compiled_together(name: str, function: Any, *arguments: Any) -> jax.stages.Compiled:
    """Compiles a jitted function in every process before any of them runs it.

    The first time that devices exchange something, gloo waits 30 seconds for those of others and
    no longer. Compiling may take one process longer, say since another one has a cache of it.
    """
    compiled = function.lower(*arguments).compile()
    wait(f"compiled {name}")
    return compiled


def any_of(flag: bool) -> bool:
    """Whether it is so in any process; to be asked by all."""
    if not many():
        return flag
    wait("any of")  # gloo waits 30 seconds and no longer, as for `compiled_together`
    return bool(multihost_utils.process_allgather(np.uint8(flag)).any())


def from_first(number: int) -> int:
    """The number that process 0 has; to be asked by all."""
    if not many():
        return number
    wait("from first")
    return int(multihost_utils.process_allgather(np.int32(number))[0])


@contextlib.contextmanager
def first_ahead(name: str) -> Iterator[None]:
    """Process 0 does what is inside, then the others do."""
    if not first():
        wait(name)
    yield
    if first():
        wait(name)


def check_same(order: str) -> None:
    """Raises a UserError, in every process, unless all were given the same order."""
    digests = multihost_utils.process_allgather(np.uint32(zlib.crc32(order.encode())))
    if np.any(digests != digests[0]):
        raise UserError(
            "The processes of the run were started with different flags: start them all with the "
            "same command, but for --process."
        )


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Around all that one process of many does: none goes on, or waits, without the others.

    Only process 0 is heard on standard output. An error is told here and ends the process: they
    all wait for each other at the end of a program, and so would wait for ever.
    """
    try:
        with (
            open(os.devnull, "w") as nowhere,
            contextlib.redirect_stdout(sys.stdout if first() else nowhere),
        ):
            yield
        wait("end")
    except UserError as error:
        print(f"remote_jax: {error}", file=sys.stderr)
        _leave(2)
    except KeyboardInterrupt:
        _leave(130)
    except Exception:
        traceback.print_exc()
        _leave(1)


def _leave(code: int) -> None:
    """Ends this process at once, and so the others.

    They notice at once in a computation that they share, else after
    `cluster.HEARTBEAT_TIMEOUT` seconds.
    """
    print(
        f"remote_jax: process {jax.process_index()} of {jax.process_count()} ends here, and so do "
        "the others. If its error is a lost connection, another one ended first and says why. The "
        "same commands go on from the last checkpoint.",
        file=sys.stderr,
    )
    end(code)


def end(code: int) -> None:
    """Ends this process at once, from any thread."""
    timer = threading.Timer(EXIT_GRACE, os._exit, [code])
    timer.start()
    sys.stdout.flush()
    sys.stderr.flush()
    for worker in multiprocessing.active_children():
        worker.kill()
    if not first():  # this waits for devices, where they are still looked for
        os._exit(code)
    timer.join()
