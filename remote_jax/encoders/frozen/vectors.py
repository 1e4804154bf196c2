"""Vectors that a frozen encoder made of the items of a data set, in a file of the cache.

They are in `CACHE/encoded/KEY`, the key being a digest of all that they are made of. A file that is
damaged, or of something else, is made anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.lib import format as npy

from remote_jax.data.arrays import PARSING
from remote_jax.data.cache import locked
from remote_jax.data.files import read_json, sha256
from remote_jax.errors import Refused, UserError, reason, writing
from remote_jax.reporting.progress import say
from remote_jax.reporting.results import write_json

FOLDER, ARRAY, ABOUT = "encoded", "vectors.npy", "about.json"

FORMAT = 1
"""To be raised when the same encoder and the same inputs would give other vectors."""

MAX_ABOUT = 2**20
"""Longest `about.json`, in bytes."""

Rows = Float[np.ndarray, "rows d"]


class Vectors:
    """The vectors of items by key, mapped into memory by each process that reads them.

    Args:
        path: of the array.
        rows: of each item, the first and the one after the last.
        dim: length of a vector.
    """

    def __init__(self, path: Path, rows: Mapping[bytes, tuple[int, int]], dim: int):
        self.path, self.dim, self._rows = path, dim, rows
        self._array: np.ndarray | None = None

    def __len__(self) -> int:
        """How many vectors there are."""
        return max((stop for _, stop in self._rows.values()), default=0)

    def of(self, key: bytes) -> Rows:
        """The vectors of an item, in their order.

        Raises:
            UserError: the file is not there any more.
        """
        if self._array is None:
            try:
                self._array = _mapped(self.path)
            except Refused as error:
                raise UserError(
                    f"{self.path} cannot be read any more ({error}): it is made anew when the same "
                    "command is started again."
                ) from error
        start, stop = self._rows[key]
        return np.asarray(self._array[start:stop])

    def __reduce__(self) -> tuple[type[Vectors], tuple[Any, ...]]:
        """Another process maps the file anew; the array would be sent whole."""
        return Vectors, (self.path, self._rows, self.dim)


@dataclass(frozen=True)
class Origin:
    """What vectors are made of.

    Attributes:
        facts: of the encoder and the inputs, as JSON values.
        counts: vectors of each item, by key, in the order in which they are made.
        dim: length of a vector.
    """

    facts: Mapping[str, Any]
    counts: Mapping[bytes, int]
    dim: int

    @property
    def shape(self) -> tuple[int, int]:
        """That of the array."""
        return sum(self.counts.values()), self.dim

    @property
    def about(self) -> dict[str, Any]:
        """All of it as JSON values."""
        digest = hashlib.sha256()
        for key, count in self.counts.items():
            digest.update(b"%d %d " % (len(key), count) + key)
        return {
            "format": FORMAT,
            **self.facts,
            "shape": list(self.shape),
            "items": digest.hexdigest(),
        }

    def vectors(self, path: Path) -> Vectors:
        """Those in a file."""
        ends = pairwise(accumulate(self.counts.values(), initial=0))
        return Vectors(path, dict(zip(self.counts, ends, strict=True)), self.dim)


def kept(
    cache: Path, origin: Origin, make: Callable[[], Iterable[Rows]]
) -> tuple[Vectors, float | None]:
    """Vectors from the cache, or made and put there; and the seconds that making them took.

    One process of a machine makes them, and others wait.

    Args:
        cache: they go to CACHE/encoded/KEY.
        make: gives them in the order of `origin.counts`, some at a time.

    Raises:
        UserError: the cache cannot be written.
    """
    about = origin.about
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]
    folder = cache / FOLDER / key
    vectors, seconds = origin.vectors(folder / ARRAY), None
    with locked(folder):
        try:
            there = _check(folder, about)
        except Refused as error:
            say(f"{folder} is not used and made anew: {error}")
            there = False
        if not there:
            began = time.monotonic()
            _write(folder, about, make())
            seconds = time.monotonic() - began
    return vectors, seconds


def _check(folder: Path, about: Mapping[str, Any]) -> bool:
    """Whether there are vectors.

    Raises:
        Refused: they are damaged, or made of something else.
    """
    path, beside = folder / ARRAY, folder / ABOUT
    if not path.is_file() and not beside.is_file():
        return False
    try:
        stored = read_json(beside, MAX_ABOUT)
        digest = stored.pop("sha256", None)
        if stored != about:
            raise Refused(f"{ABOUT} says that it is made of something else")
        if not path.is_file() or sha256(path) != digest:
            raise Refused(f"{ARRAY} is not what was written")
        found = _mapped(path)
    except UserError as error:
        raise Refused(str(error).rstrip(".")) from error
    except OSError as error:
        raise Refused(f"it cannot be read: {error.strerror}") from error
    if found.shape != tuple(about["shape"]) or found.dtype != np.float32:
        raise Refused(f"{ARRAY} is {found.dtype}{list(found.shape)}")
    return True


def _mapped(path: Path) -> np.ndarray:
    """The array of a file; nothing is unpickled.

    Raises:
        Refused: it is not one.
    """
    try:
        with PARSING:
            return npy.open_memmap(path, mode="r")
    except Exception as error:  # of any class, where the file is malformed
        raise Refused(f"{path.name} is no array: {reason(error)}") from error


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write(folder: Path, about: Mapping[str, Any], chunks: Iterable[Rows]) -> None:
    """Writes vectors as they come, then puts them into their place."""
    partial, rows = folder / f"partial-{ARRAY}", 0
    with writing(folder):
        # Not through a map: where the disk is full, that kills the process instead of raising.
        with partial.open("wb") as file, _removed_on_failure(partial):
            header = {"descr": "<f4", "fortran_order": False, "shape": tuple(about["shape"])}
            npy.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(np.ascontiguousarray(chunk, "<f4").tobytes())
                rows += len(chunk)
        if rows != about["shape"][0]:
            raise ValueError(f"{rows} vectors were made, expected {about['shape'][0]}")
        digest = sha256(partial)
        (folder / ABOUT).unlink(missing_ok=True)
        partial.replace(folder / ARRAY)
    write_json(folder / ABOUT, {**about, "sha256": digest})
