"""Files that PyTorch wrote (`.pth`, `.pt`): pickles, so read by its safe loader or not at all.

PyTorch is not a dependency; where it is not installed, the error says how to convert a file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError

MAX_BYTES = 2**30
"""Longest file, also when unpacked."""


def load(path: Path) -> Any:
    """The numbers, texts, tensors, lists and dicts in a file; `weights_only`, so no code runs.

    Raises:
        UserError: PyTorch is not installed; the file is too large, malformed or of other things.
    """
    try:
        import torch
    except ImportError as error:
        raise UserError(
            f"{path} is a file of PyTorch, which is not installed: pip install torch; or convert "
            f"it where PyTorch is, and put {path.with_suffix('.json').name} beside it: "
            f"{conversion(path)}."
        ) from error
    if _size(path) > MAX_BYTES:
        raise UserError(f"{path} is longer than {MAX_BYTES:,} bytes.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of many classes, by what is wrong with the file
        reason = str(error).partition("\n")[0][:200]
        raise UserError(
            f"{path} cannot be read safely, that is without running what is in it: {reason} "
            f"If you trust the file, convert it: {conversion(path).replace('True', 'False')}."
        ) from error


def conversion(path: Path) -> str:
    """The command that writes a file of lists and dicts as JSON."""
    name, target = path.name, path.with_suffix(".json").name
    return (
        f"python -c \"import json, torch; json.dump(torch.load('{name}', weights_only=True), "
        f"open('{target}', 'w'))\""
    )


def _size(path: Path) -> int:
    """Bytes of a file, or of what it unpacks to."""
    try:
        size = path.stat().st_size
        if not zipfile.is_zipfile(path):
            return size
        with zipfile.ZipFile(path) as archive:
            return max(size, sum(info.file_size for info in archive.infolist()))
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
