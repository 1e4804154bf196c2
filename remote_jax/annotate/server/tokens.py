"""A secret for each person, in a file that only its owner reads; they stay over restarts."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from remote_jax.data.files import read_json
from remote_jax.errors import writing

FILE = ".annotate-tokens.json"
MAX_FILE = 2**20


def read_or_make(folder: Path, people: Iterable[str]) -> dict[str, str]:
    """The token of each person; those that are new get one. Delete the file for new ones.

    Raises:
        UserError: the file is malformed, or cannot be written.
    """
    path = folder / FILE
    known = read_json(path, MAX_FILE) if path.exists() else {}
    found = {name: _long(known.get(name)) or secrets.token_urlsafe(24) for name in people}
    if found.items() - known.items():
        partial = path.with_name(f"{FILE}.{secrets.token_hex(8)}")
        with writing(path):
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({**known, **found}, file, indent=1)
            partial.replace(path)
    return found


def _long(token: object) -> str:
    return token if isinstance(token, str) and len(token) >= 32 else ""
