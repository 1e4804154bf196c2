"""Finds a checkpoint, in a folder or on the Hugging Face hub, and reads its JSON files."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from remote_jax.errors import UserError

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
MAX_JSON_BYTES = 64 * 2**20


def find(name: str | Path, files: Sequence[str]) -> Path:
    """The folder `name`, or a copy of those files of the hub repository `name`.

    Args:
      files: glob patterns of what to fetch from the hub; the copy is cached.

    Raises UserError if there is no such folder and no such repository to be had.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    if not HUB_NAME.fullmatch(str(name)):
        raise UserError(f"pretrained checkpoint {str(name)!r}: no such folder")
    try:
        return Path(snapshot_download(str(name), allow_patterns=list(files)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"pretrained checkpoint {str(name)!r}: no such folder here, and the hub says: {reason}"
        ) from error


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises UserError if it is missing, malformed or not an object."""
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise UserError(f"{file} is over {MAX_JSON_BYTES} bytes, too long for its kind")
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{file} holds a JSON {type(content).__name__}, expected an object")
    return content
