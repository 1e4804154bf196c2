"""Opening what a row of data names, and nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from remote_jax.errors import Refused, UserError, writing

MAX_NAME = 1024
"""Longest name, in bytes, that a row may give to a file."""


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in `folder`, which need not exist.

    Links are followed before the check, so one that leads out of the folder is refused like `..`.

    Raises:
        Refused: `name` is no plain relative name, or leads outside of `folder`.
    """
    try:
        size = len(name.encode())
    except UnicodeEncodeError as error:
        raise Refused(f"the file name {name!r} is not valid Unicode") from error
    if not name or size > MAX_NAME or "\0" in name:
        raise Refused(f"{name[:60]!r} is not the name of a file")
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.anchor:
        raise Refused(f"the file name {name!r} is absolute, expected one inside the data folder")
    if ".." in posix.parts or ".." in windows.parts:
        raise Refused(f"the file name {name!r} goes up a folder, expected one inside it")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except (OSError, RuntimeError) as error:
        raise Refused(f"the file name {name!r} cannot be followed: {error}") from error
    if not path.is_relative_to(root) or path == root:
        raise Refused(f"the file name {name!r} leads outside of the data folder")
    return path


def find(folder: Path, name: str) -> Path | None:
    """The regular file `name` in `folder`, or None where there is none.

    Raises:
        Refused: as `inside`.
    """
    path = inside(folder, name)
    try:
        return path if path.is_file() else None
    except OSError as error:
        raise Refused(f"the file {name!r} cannot be looked up: {error.strerror}") from error


def read_json_value(path: Path, limit: int) -> Any:
    """What a JSON file of at most `limit` bytes holds.

    Raises:
        UserError: it is missing, longer or malformed.
    """
    try:
        return json.loads(read_bytes(path, limit))
    except Refused as error:
        raise UserError(f"{path}: {error}.") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}.") from error


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """The object in a JSON file of at most `limit` bytes.

    Raises:
        UserError: it is missing, longer, malformed or no object.
    """
    value = read_json_value(path, limit)
    if not isinstance(value, dict):
        raise UserError(f"{path} holds a JSON {type(value).__name__}, expected an object.")
    return value


def read_names(path: Path, limit: int) -> list[str]:
    """The list of texts in a JSON file of at most `limit` bytes.

    Raises:
        UserError: it is missing, longer, malformed or no such list.
    """
    found = read_json_value(path, limit)
    if not isinstance(found, list) or not all(type(name) is str for name in found):
        raise UserError(f"{path} holds no list of names.")
    return found


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def lock(descriptor: int, taken: str) -> None:
    """Keeps other processes from an open file; the system lets go when this one ends.

    Raises:
        UserError: another process has it; `taken` is the sentence.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UserError(taken) from error


@contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """Around what one process at a time may do: `lock` of a file that is made for it.

    Raises:
        UserError: another process has it, or it cannot be made.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        lock(file.fileno(), taken)
        yield


def same_content(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """For each file in a folder the first of `names` whose file has the same bytes.

    Only files of the same size are read. One that is not there any more is like no other.

    Raises:
        Refused: as `inside`.
        UserError: a file cannot be read.
    """
    first = {name: name for name in names}
    sizes: dict[int, list[str]] = {}
    try:
        for name in first:
            if path := find(folder, name):
                sizes.setdefault(path.stat().st_size, []).append(name)
        for some in sizes.values():
            met: dict[str, str] = {}
            for name in some if len(some) > 1 else ():
                first[name] = met.setdefault(sha256(folder / name), name)
    except OSError as error:
        raise UserError(f"Cannot read {error.filename}: {error.strerror}.") from error
    return first


def read_lines(path: Path, limit: int) -> Iterator[tuple[int, bytes | Refused]]:
    """The lines of a file that are not blank, with their numbers from 1.

    A line longer than `limit` bytes is skipped without being held, and comes as `Refused`.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(limit + 1):
                number += 1
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if len(line) > limit:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(limit)
                    yield number, Refused(f"the line is longer than {limit:,} bytes")
                elif line.strip():
                    yield number, line
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error


def count_lines(path: Path, limit: int) -> int:
    """How many lines `read_lines` gives.

    Raises:
        UserError: the file cannot be read.
    """
    return sum(1 for _ in read_lines(path, limit))


def read_bytes(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    A pipe or a device in its place is refused, and never waited for.

    Raises:
        Refused: it is longer, no regular file, or cannot be read.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Refused(f"{path.name} is not a regular file")
            content = file.read(limit + 1)
    except OSError as error:
        raise Refused(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > limit:
        raise Refused(f"{path.name} is longer than {limit:,} bytes")
    return content


def _without_waiting(name: str, flags: int) -> int:
    """Opens a file; a named pipe too at once, and not when somebody writes into it."""
    return os.open(name, flags | os.O_NONBLOCK)
