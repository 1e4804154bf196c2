"""The allocator of the C library, told to keep what a step frees.

XLA's CPU backend asks for the buffers of a step when it begins and frees them when it ends. glibc
gives such memory back to the system, which has to map and zero every page of it again in the next
step: a fifth of a small step's time (docs/results.md, "Memory that is kept").
"""

import ctypes
import os
from pathlib import Path

SETTINGS = {"M_TRIM_THRESHOLD": (-1, -1), "M_MMAP_MAX": (-4, 0), "M_ARENA_MAX": (-8, 1)}
"""Parameters of mallopt(3): number and value. Never give memory back, take none by mmap, which is
given back when it is freed, and have one pool for all threads, since only that of the main thread
can grow to the size of such buffers."""

OTHERS = ("GLIBC_TUNABLES", "LD_PRELOAD", "MALLOC_")
"""How the names of variables begin by which a person chooses otherwise."""

ACCELERATORS = ("nvidia[0-9]*", "accel*", "vfio/[0-9]*", "kfd")
"""Devices in /dev of machines whose steps do not take memory of the host."""


def keep_freed_memory() -> bool:
    """Sets `SETTINGS` for this process; to be called before anything starts threads.

    Returns:
        Whether it did: not with another C library or an accelerator, nor where the environment has
        `OTHERS`.
    """
    if not on_cpu():
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    if any(name.startswith(OTHERS) for name in os.environ):
        return False
    return all([library.mallopt(*setting) for setting in SETTINGS.values()])


def give_back() -> None:
    """Gives pages that are free by now back to the system, once; with the GNU C library."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def on_cpu() -> bool:
    """Whether JAX will run on the CPU, as far as can be told without starting it."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    if platforms:
        return platforms.split(",")[0] == "cpu"
    return not any(found for one in ACCELERATORS for found in Path("/dev").glob(one))
