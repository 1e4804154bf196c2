"""`splits.json` of a folder that is labelled: the ids of the posts of each split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from remote_jax.data.files import read_json
from remote_jax.data.jsonl import show
from remote_jax.data.release import MAX_JSON, SPLITS
from remote_jax.errors import UserError
from remote_jax.reporting.results import write_json

FILE = "splits.json"


def read_splits(folder: Path, ids: Iterable[str]) -> dict[str, str]:
    """The split of each post; `train` for all where there is no file.

    Raises:
        UserError: the file is malformed, or a post is in no split or in two.
    """
    path = folder / FILE
    if not path.exists():
        return dict.fromkeys(ids, SPLITS[0])
    found: dict[str, str] = {}
    for split, names in read_json(path, MAX_JSON).items():
        if split not in SPLITS or not isinstance(names, list):
            raise UserError(f"{path} must give a list of ids for each of {', '.join(SPLITS)}.")
        for name in names:
            if not isinstance(name, str) or name in found:
                raise UserError(f"{path} has the id {show(name)} twice, or it is no text.")
            found[name] = split
    for name in ids:
        if name not in found:
            raise UserError(f"{path} has no split for the post {name!r}: run remote-jax split.")
    return found


def write_splits(folder: Path, splits: Mapping[str, Sequence[str]]) -> Path:
    """Writes the file and returns its path."""
    write_json(folder / FILE, {split: list(splits.get(split, ())) for split in SPLITS})
    return folder / FILE
