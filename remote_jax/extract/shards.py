"""A folder of extracted posts while it is made: shards, each of which appears whole or not at all.

`part-00000.jsonl` has what was extracted from a shard, `failed-00000.jsonl`, where it is there,
the posts from which nothing was. `extraction.json` says what all of it comes from: where that is
something else, what was begun is dropped, and what is finished stays and is an error.
`manifest.json` comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remote_jax.data.extracted import FORMAT, MANIFEST
from remote_jax.data.files import count_lines, locked, read_json, sha256
from remote_jax.data.jsonl import MAX_LINE
from remote_jax.errors import UserError, writing
from remote_jax.extract.extractor import Extracted
from remote_jax.reporting.results import json_line, write_atomically, write_json

STATE, LOCK = "extraction.json", ".lock"

MAX_STATE = 2**16

OURS = re.compile(r"\.?(part|failed)-\d+\.jsonl(\.\w+)?")
"""Names of shards, also of those that were being written."""


def part(folder: Path, number: int) -> Path:
    """The file of what was extracted from a shard; once it is there, the shard is done."""
    return folder / f"part-{number:05d}.jsonl"


def failed(folder: Path, number: int) -> Path:
    """The file of the posts of a shard from which nothing was extracted."""
    return folder / f"failed-{number:05d}.jsonl"


def write(folder: Path, number: int, file: str, found: Extracted) -> None:
    """Writes a shard.

    Args:
        file: that its posts come from.

    Raises:
        UserError: it cannot be written.
    """
    if found.failed:
        lines = (
            {"id": one.id, "file": file, "line": one.line, "error": one.error}
            for one in found.failed
        )
        write_atomically(failed(folder, number), map(json_line, lines))
    write_atomically(part(folder, number), (json_line(one.to_dict()) for one in found.posts))


@contextmanager
def opened(folder: Path, origin: Mapping[str, str]) -> Iterator[str]:
    """Around the making of a folder: nothing else writes there, and its shards are of `origin`.

    Gives why shards that were there are dropped; "" where they are kept, or none were there.

    Raises:
        UserError: another process writes there, or nothing can be written.
    """
    taken = f"Another process extracts to {folder}: wait for it, or choose another --output."
    with locked(folder / LOCK, taken):
        lost = _lost(folder, origin)
        if lost:
            for path in [folder / MANIFEST, *_ours(folder)]:
                with writing(path):
                    path.unlink(missing_ok=True)
        write_json(folder / STATE, origin)
        yield lost


def _lost(folder: Path, origin: Mapping[str, str]) -> str:
    """Why what was begun in a folder is not gone on with.

    Raises:
        UserError: what is there is finished, or nobody knows whose it is; neither is removed.
    """
    if not (folder / STATE).exists():
        if names := sorted(path.name for path in _ours(folder)):
            raise UserError(
                f"{folder} has {names[0]}, and no {STATE} that says that `extract` wrote it: "
                "choose another --output."
            )
        return ""
    try:
        before = read_json(folder / STATE, MAX_STATE)
    except UserError:
        before = {}
    differ = [key for key in {**origin, **before} if origin.get(key) != before.get(key)]
    if not differ:
        return ""
    why = f"other than then: {', '.join(differ)}" if before else f"{STATE} is damaged"
    if (folder / MANIFEST).exists():
        raise UserError(
            f"{folder} is finished, and not of this command ({why}): choose another --output, or "
            "remove the folder."
        )
    return why


def _ours(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if OURS.fullmatch(path.name))


def finish(folder: Path, shards: int, about: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the manifest of a folder whose shards are all there; gives what it says.

    Raises:
        UserError: it cannot be written, or a shard not be read.
    """
    for path in _ours(folder):
        if path.name.startswith("."):  # of a process that was killed
            path.unlink(missing_ok=True)
    found = [_described(folder, number) for number in range(shards)]
    manifest = {"format": FORMAT, **about, "shards": found}
    write_json(folder / MANIFEST, manifest)
    return manifest


def _described(folder: Path, number: int) -> dict[str, Any]:
    path, beside = part(folder, number), failed(folder, number)
    described = {
        "file": path.name,
        "posts": count_lines(path, MAX_LINE),
        "failed": count_lines(beside, MAX_LINE) if beside.exists() else 0,
        "sha256": sha256(path),
    }
    return described | ({"failed_file": beside.name} if beside.exists() else {})
