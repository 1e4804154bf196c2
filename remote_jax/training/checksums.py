"""Detects corrupt checkpoints and full disks."""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import os
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Shaped, UInt32

from remote_jax.errors import UserError

UNSIGNED = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint32}
"""The integer type that a number of each size in bytes is read as; eight bytes are two of them."""

CHECKSUMS = "sums"
"""Key of the sums in a record on disk."""

UNREADABLE = ("DATA_LOSS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE")
"""What TensorStore's errors begin with where files are missing or malformed."""


class CorruptCheckpoint(Exception):
    """A checkpoint that cannot be read, or reads as something else than was written."""


def sum_of_bits(arrays: Any) -> int:
    """The bits of all numbers, as integers, summed modulo 2³².

    A bit that is flipped changes it, and how the arrays are split over devices does not. Orbax's
    files have checksums for indices, but none for the values.
    """
    # An array at a time: few programs to compile, since many arrays have the same shape. Each is
    # waited for: XLA:CPU's devices may meet in different ones of many that are under way.
    return sum(int(_bits(x)) for x in jax.tree.leaves(arrays)) % 2**32


@jax.jit
def _bits(array: Shaped[Array, "..."]) -> UInt32[Array, ""]:
    if array.dtype == bool:
        array = array.astype(jnp.uint8)
    words = jax.lax.bitcast_convert_type(array, UNSIGNED[array.dtype.itemsize])
    return words.astype(jnp.uint32).sum(dtype=jnp.uint32)


def with_checksums(record: dict[str, Any], arrays: Any) -> dict[str, Any]:
    """A record with its own checksum and that of its arrays."""
    return {**record, CHECKSUMS: [_crc(record), sum_of_bits(arrays)]}


def verified(stored: dict[str, Any], arrays: Any = None) -> dict[str, Any]:
    """A stored record without its checksums, once they are found right.

    Without arrays, theirs is not looked at.

    Raises:
        CorruptCheckpoint: the record or an array is not what was written.
    """
    record = dict(stored)
    if CHECKSUMS not in record:
        raise CorruptCheckpoint(
            "its record has no checksums: it is of an older version of remote_jax"
        )
    own, theirs = record.pop(CHECKSUMS)
    if _crc(record) != own:
        raise CorruptCheckpoint("its record has changed since it was written")
    if arrays is not None and sum_of_bits(arrays) != theirs:
        raise CorruptCheckpoint("its arrays have changed since they were written")
    return record


def _crc(record: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(record, sort_keys=True).encode())


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Around what reads a checkpoint.

    Raises:
        CorruptCheckpoint: a part of it is missing or malformed.
        UserError: as it was raised, or the system refuses to read.
    """
    heard, hook = io.StringIO(), sys.unraisablehook
    try:
        # What it reads beside the damaged file goes on in threads, and complains there.
        sys.unraisablehook = lambda _: None
        with contextlib.redirect_stderr(heard):
            yield
    except (CorruptCheckpoint, UserError):
        raise
    except Exception as error:  # Orbax raises all kinds, and `Exception` itself
        sort = _sort(error)
        if sort is not None:
            raise CorruptCheckpoint(sort) from None
        sys.stderr.write(heard.getvalue())
        number = _number(error)
        if number is None:
            raise
        raise UserError(
            f"Cannot read the checkpoint {folder}: {os.strerror(number)}. Mend that, and the same "
            "command goes on; nothing was changed."
        ) from error
    else:
        sys.stderr.write(heard.getvalue())
    finally:
        gc.collect()
        sys.unraisablehook = hook


def _sort(error: BaseException) -> str | None:
    """What is wrong with the files; None where the error does not say that they are at fault."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = str(error)
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | KeyError):
        return "a part of it is missing"
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
        return "a part of it is no JSON"
    if text.startswith(UNREADABLE):
        return "an array cannot be read"
    if re.match("[A-Z_]+: ", text) or "os_error_code" in text:  # TensorStore's other errors
        return None
    if type(error) is Exception or isinstance(
        error, ValueError | TypeError | AttributeError | IndexError | NotImplementedError
    ):
        return "its description is malformed"  # of the arrays, by which Orbax looks for them
    return None


def _number(error: BaseException) -> int | None:
    """The number that the system gave an error; TensorStore's errors name it in their text."""
    while error.__cause__ is not None:
        error = error.__cause__
    found = re.search(r"os_error_code='(\d+)'", str(error))
    return int(found[1]) if found else getattr(error, "errno", None)


@contextmanager
def saving(folder: Path) -> Iterator[None]:
    """Around what writes checkpoints, or waits until they are written.

    Raises:
        UserError: the system refuses.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        number = _number(error)
        if number is None:
            raise
        full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise UserError(
            f"Cannot write checkpoints to {folder}: {os.strerror(number)}. "
            f"{'Make room' if full else 'Mend that'}, and the same command goes on from the "
            "checkpoint before."
        ) from error
