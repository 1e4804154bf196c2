"""Where a generated sample is kept once it is written."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError


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
    try:
        parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=parent))
        print(f"Writing the sample to {folder}", flush=True)
        write(partial)
        _move(partial, folder)
    except OSError as error:
        raise UserError(f"Cannot write the sample to {folder}: {error.strerror}.") from error
    return folder


def _move(partial: Path, folder: Path) -> None:
    """Puts a whole sample in its place; another process may have been there first."""
    try:
        partial.rename(folder)
    except OSError:
        shutil.rmtree(partial)
        if not folder.is_dir():
            raise


def _key(settings: Mapping[str, Any], code: Path) -> str:
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for source in sorted(code.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
