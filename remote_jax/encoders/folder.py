"""Finds a checkpoint, in a folder or on the Hugging Face hub, and reads its JSON files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from remote_jax.data.files import read_json
from remote_jax.errors import UserError, reason

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
        raise UserError(
            f"pretrained checkpoint {str(name)!r}: no such folder here, and the hub says: "
            f"{reason(error)}"
        ) from error


def read_settings(file: Path) -> dict[str, Any]:
    """The object in a JSON file of a checkpoint. Raises UserError if there is none."""
    return read_json(file, MAX_JSON_BYTES)
