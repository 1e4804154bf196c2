"""Memory that a thread frees is there for the next one that asks, without new pages."""

import os
import subprocess
import sys

import pytest

from remote_jax.runtime import allocator

FAULTS = """
import ctypes, resource, threading
from remote_jax.runtime import allocator

print(allocator.keep_freed_memory() if {kept} else False)
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def work():
    for _ in range(3):
        place = library.malloc(2**27)
        library.memset(place, 1, 2**27)
        library.free(place)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


def faults(kept: bool, **environment: str) -> tuple[bool, int]:
    """Whether it was set, and pages that 128 MiB, asked for three times, took anew."""
    ours = (*allocator.OTHERS, "JAX_PLATFORMS")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS.format(kept=kept)],
        capture_output=True,
        text=True,
        check=True,
        env={**rest, "JAX_PLATFORMS": "cpu", **environment},
    )
    told, count = done.stdout.split()
    return told == "True", int(count)


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="of glibc")
def test_freed_memory_is_kept() -> None:
    was_set, kept = faults(True)
    _, given_back = faults(False)
    # Pages may be large ones, of which 384 MiB have 192.
    assert was_set and given_back >= 192 and kept < given_back / 4


@pytest.mark.parametrize("environment", [{"MALLOC_ARENA_MAX": "4"}, {"JAX_PLATFORMS": "cuda,cpu"}])
def test_a_choice_of_the_environment_stays(environment: dict[str, str]) -> None:
    assert faults(True, **environment)[0] is False


GIVEN_BACK = """
import ctypes, mmap
from pathlib import Path
from remote_jax.runtime import allocator

assert allocator.keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE

before, places = resident(), [library.malloc(2**20) for _ in range(256)]
for place in places:
    library.memset(place, 1, 2**20)
for place in places[::2]:  # in pieces between what is kept
    library.free(place)
full = resident() - before
allocator.give_back()
print(full, resident() - before)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="of glibc")
def test_pieces_between_what_is_kept_are_given_back() -> None:
    ours = (*allocator.OTHERS, "JAX_PLATFORMS")
    rest = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-c", GIVEN_BACK],
        capture_output=True,
        text=True,
        check=True,
        env={**rest, "JAX_PLATFORMS": "cpu"},
    )
    full, left = map(int, done.stdout.split())
    assert full > 250 * 2**20 and left < 150 * 2**20
