"""Keeps what XLA compiles, so that the next start of the same program begins at once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from pathlib import Path

from filelock import FileLock, Timeout

LARGEST = 4 * 2**30
"""Bytes that the folder may hold; what was not used for the longest time goes first."""

LOCK_SECONDS = 5
"""How long a start waits for others that write at this moment."""

THRESHOLDS = {
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": 0,
}
"""Small programs are kept too: a start has a hundred, and they take seconds together."""


def folder(cache: Path) -> Path:
    """Where a cache keeps the compiled programs of this machine.

    `JAX_COMPILATION_CACHE_DIR` goes first.

    Machines of several kinds may share a home folder. Code for one CPU can stop another, and jax
    knows no more of a CPU than that it is one.
    """
    return cache / "xla" / _cpu()


def enable(cache: Path) -> Path | None:
    """Has jax keep what it compiles; to be called before it compiles anything. Returns the folder.

    jax's own environment variables go first: `JAX_COMPILATION_CACHE_DIR` names another folder, and
    `JAX_ENABLE_COMPILATION_CACHE=false` keeps nothing. A damaged file costs a warning of jax and
    the time to compile, at every start until it is deleted. Whoever can write into the folder can
    have this program run what they like, so it is this user's alone.
    """
    import jax  # takes a second, which a command that only explains itself should not pay

    for name, value in THRESHOLDS.items():
        if name.upper() not in os.environ:
            jax.config.update(name, value)
    if not jax.config.values["jax_enable_compilation_cache"]:
        return None
    if chosen := jax.config.values["jax_compilation_cache_dir"]:
        return Path(chosen)
    place = folder(cache)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        print(f"Compiled programs are not kept: cannot write {place}: {error.strerror}.")
        return None
    _drop_unfinished(place)
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    return place


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
