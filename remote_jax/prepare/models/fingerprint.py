"""What tells one model from another: the content of its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from remote_jax.data.files import sha256
from remote_jax.errors import UserError
from remote_jax.prepare.step import digest


def fingerprint(folder: Path, parts: Sequence[str] = ("",)) -> str:
    """SHA-256 of the names and contents of the files of a model.

    Args:
        folder: of the model.
        parts: files and folders in it; "" is the folder itself. Those that are not there are none.

    Raises:
        UserError: a file cannot be read.
    """
    try:
        files = {
            path.relative_to(folder).as_posix(): sha256(path)
            for part in parts
            for path in sorted([folder / part, *(folder / part).rglob("*")])
            if path.is_file()
        }
    except OSError as error:
        raise UserError(f"Cannot read {error.filename}: {error.strerror}.") from error
    return digest(files)
