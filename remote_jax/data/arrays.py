"""Arrays from `.npy` and `.npz` files: untrusted input."""

from __future__ import annotations

import math
import threading
import zipfile
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib import format as npy

from remote_jax.errors import Refused

PARSING = threading.Lock()
"""NumPy reads a header as a Python literal, which CPython 3.11 cannot do in two threads at once."""


@dataclass(frozen=True)
class Kind:
    """What an array must be.

    Attributes:
        what: names it in errors.
        dims: its number of dimensions.
        kinds: `numpy.dtype.kind` of its elements; never "O", which would be unpickled.
    """

    what: str
    dims: int
    kinds: str


MATRIX = Kind("a matrix of numbers", 2, "fiu")
NUMBERS = Kind("a list of whole numbers", 1, "iu")
NUMBER = Kind("a whole number", 0, "iu")
LIST = Kind("a list of names or numbers, saved as strings and not as objects", 1, "USiu")


def read_npy(file: IO[bytes], kind: Kind, limit: int) -> np.ndarray:
    """The array in a file of NumPy's format; its header is believed before anything is allocated.

    Raises:
        Refused: it is empty, of another kind, or larger than `limit` bytes.
        Exception: of any class, where the file is malformed; the caller wraps it.
    """
    version = npy.read_magic(file)
    header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    with PARSING:
        shape, columns_first, dtype = header(file)
    if len(shape) != kind.dims or min(shape, default=1) < 1 or dtype.kind not in kind.kinds:
        raise Refused(f"expected {kind.what}, found {dtype} of shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    if size > limit:
        raise Refused(f"its header claims {size:,} bytes, expected at most {limit:,}")
    values = np.frombuffer(file.read(size), dtype)
    return values.reshape(shape, order="F" if columns_first else "C")


def read_member(archive: zipfile.ZipFile, name: str, kind: Kind, limit: int) -> np.ndarray:
    """The array `name` of an `.npz` archive; errors are those of `read_npy`."""
    member = f"{name}.npy"
    if member not in archive.namelist():
        raise Refused(f"there is no array {name!r} in it")
    info = archive.getinfo(member)
    if info.file_size > limit:
        raise Refused(f"it is {info.file_size:,} bytes, expected at most {limit:,}")
    with archive.open(info) as file:
        return read_npy(file, kind, limit)
