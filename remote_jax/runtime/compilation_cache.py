"""Keeps what XLA compiles, so that the next start of the same program begins at once."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import platform
import stat
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock, Timeout

LARGEST = 4 * 2**30
"""Bytes that the folder may hold; what was not used for the longest time goes first."""

LOCK_SECONDS = 5
"""How long a start waits for others that write at this moment."""

THRESHOLD = {"jax_persistent_cache_min_compile_time_secs": (1.0, 0.0)}
"""jax's own value, and ours: small programs are kept too, since a start has a hundred, and they
take seconds together."""

SIZE = {"jax_compilation_cache_max_size": (-1, LARGEST)}
"""The same of the folder that this makes."""

log = logging.getLogger(__name__)


def folder(cache: Path) -> Path:
    """Where a cache keeps the compiled programs of this machine.

    `JAX_COMPILATION_CACHE_DIR` goes first.

    Machines of several kinds may share a home folder. Code for one CPU can stop another, and jax
    knows no more of a CPU than that it is one.
    """
    return cache / "xla" / _cpu()


def enable(cache: Path) -> Path | None:
    """Has jax keep what it compiles; to be called before it compiles anything. Returns the folder.

    What the caller has set goes first, by jax's environment variables or `jax.config.update`:
    `JAX_COMPILATION_CACHE_DIR` names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` keeps
    nothing. Where the folder cannot be used, that is logged. A damaged file costs a
    warning of jax and the time to compile, at every start until it is deleted. Whoever can write
    into the folder can have this program run what they like, so one that is not this user's alone
    is not used.
    """
    import jax  # takes a second, which a command that only explains itself should not pay

    _set(THRESHOLD)
    if not jax.config.values["jax_enable_compilation_cache"]:
        return None
    if chosen := jax.config.values["jax_compilation_cache_dir"]:
        return Path(chosen)
    place = folder(cache)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        log.warning("Compiled programs are not kept: cannot write %s: %s.", place, error.strerror)
        return None
    if not _own(place):
        log.warning(
            "Compiled programs are not kept: %s must belong to this user and be closed to others "
            "(chmod 700).",
            place,
        )
        return None
    _drop_unfinished(place)
    jax.config.update("jax_compilation_cache_dir", str(place))
    _set(SIZE)
    return place


def _set(settings: Mapping[str, tuple[float, float]]) -> None:
    """Sets what the caller has left at jax's own value."""
    import jax

    for name, (default, value) in settings.items():
        if jax.config.values[name] == default and name.upper() not in os.environ:
            jax.config.update(name, value)


def _own(place: Path) -> bool:
    """Whether a folder is this user's, and nobody else may enter it."""
    found = place.stat()
    return found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


def _drop_unfinished(place: Path) -> None:
    """Deletes what a process was killed while writing, which jax would neither read nor replace.

    jax writes a program and then the time of its last use, both under its lock.
    """
    with contextlib.suppress(Timeout, OSError), FileLock(place / ".lockfile", timeout=LOCK_SECONDS):
        for program in place.glob("*-cache"):
            if not program.with_name(program.name.removesuffix("cache") + "atime").exists():
                program.unlink()


def _cpu() -> str:
    """Tells kinds of CPUs apart, by what they can do where the system says it."""
    kind = platform.machine() + platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    facts = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return hashlib.sha256("\n".join([kind, *sorted(facts)]).encode()).hexdigest()[:12]
