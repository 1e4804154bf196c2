"""Arrays from `.npy` and `.npz` files, and what files of PyTorch hold: untrusted input."""

from __future__ import annotations

import math
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from remote_jax.errors import Refused, UserError

PARSING = threading.Lock()
"""NumPy reads a header as a Python literal, which CPython 3.11 cannot do in two threads at once."""


MAX_TORCH = 2**30
"""Longest file of PyTorch, also when unpacked."""


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


def read_torch(path: Path) -> Any:
    """The numbers, texts, tensors, lists and dicts in a file; `weights_only`, so no code runs.

    They are pickles (`.pth`, `.pt`): read by PyTorch's safe loader or not at all. It is no
    dependency; where it is not installed, the error says how to convert the file.

    Raises:
        UserError: PyTorch is not installed; the file is too large, malformed or of other things.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} is a file of PyTorch, which is not installed: pip install torch; or convert "
            f"it where PyTorch is, and put {path.with_suffix('.json').name} beside it: "
            f"{torch_as_json(path)}."
        ) from error
    try:
        if not path.is_file():  # nor a pipe, which would be waited for
            raise UserError(f"{path} is not a regular file.")
        size = unpacked_size(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if size > MAX_TORCH:
        raise UserError(f"{path} is longer than {MAX_TORCH:,} bytes.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many classes; its message advises to run what is in the file
        raise UserError(
            f"{path} is not read: the safe loader of PyTorch refuses what is in it "
            f"({type(error).__name__}). If you trust the file, convert it: "
            f"{torch_as_json(path).replace('True', 'False')}."
        ) from error


def torch_as_json(path: Path) -> str:
    """The command that writes a file of lists and dicts as JSON."""
    name, target = path.name, path.with_suffix(".json").name
    return (
        f"python -c \"import json, torch; json.dump(torch.load('{name}', weights_only=True), "
        f"open('{target}', 'w'), default=lambda x: x.tolist())\""
    )


def unpacked_size(path: Path) -> int:
    """Bytes of a file, or of what it unpacks to.

    Raises:
        OSError, zipfile.BadZipFile: it cannot be read.
    """
    size = path.stat().st_size
    if not zipfile.is_zipfile(path):
        return size
    with zipfile.ZipFile(path) as archive:
        return max(size, sum(info.file_size for info in archive.infolist()))
