"""Where a generated sample is kept once it is written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError
from remote_jax.lock import locked


def ensure(
    parent: Path, settings: Mapping[str, Any], code: Path, write: Callable[[Path], object]
) -> Path:
    """The folder of a sample, written if it is new; it lands in its place by one rename.

    Args:
        parent: the sample goes to PARENT/KEY, the key being of its settings and its code.
        settings: JSON values that decide the sample.
        code: folder of the modules that make it.
        write: fills a folder.

    Raises:
        UserError: the folder cannot be written.
    """
    folder = parent / _key(settings, code)
    if folder.is_dir():
        return folder
    with locked(parent):
        try:
            _build(folder, write)
        except OSError as error:
            raise UserError(f"Cannot write the sample to {folder}: {error.strerror}.") from error
    return folder


def _build(folder: Path, write: Callable[[Path], object]) -> None:
    """Writes the sample and puts it in its place whole, unless another process was first."""
    for rest in folder.parent.glob("partial-*"):  # of a killed build
        shutil.rmtree(rest)
    if folder.is_dir():
        return
    partial = folder.with_name(f"partial-{folder.name}")
    partial.mkdir()
    print(f"Writing the sample to {folder}", flush=True)
    write(partial)
    partial.rename(folder)


def _key(settings: Mapping[str, Any], code: Path) -> str:
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for source in sorted(code.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
