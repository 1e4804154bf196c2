"""Which files of a folder have the triples of each split, and what to do where some are missing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from remote_jax.data.files import read_lines
from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.layouts import vocabularies
from remote_jax.roam.data.layouts.tables import MAX_LINE, fields

SPLITS = {
    "train": ("train.txt", "train2id.txt"),
    "validation": ("valid.txt", "val.txt", "dev.txt", "valid2id.txt"),
    "test": ("test.txt", "test2id.txt"),
}
LESS_COMMON = (".tsv", ".del", "")
"""Endings of files of triples that count where none of `SPLITS` is there."""
OTHER = (".txt", ".tsv", ".csv", ".del", ".nt", ".dat")
"""Endings of files that may have triples under another name."""
LOOKED_AT = 100
"""Files that are opened to see whether they have triples."""


def locate(root: Path, holdout: float) -> dict[str, Path]:
    """The files of the splits, by split.

    Args:
        root: the folder.
        holdout: share of a single file that the other splits get; 0 where all have files.

    Raises:
        UserError: a file is missing, or there are several for a split, or `holdout` has too many.
    """
    if not root.is_dir():
        raise UserError(f"There is no data folder {root}.")
    found = {split: _find(root, split, names) for split, names in SPLITS.items()}
    files = {split: path for split, path in found.items() if path is not None}
    missing = [split for split in SPLITS if split not in files]
    if holdout and "train" in files:
        if len(files) > 1:
            there = " and ".join(path.name for path in files.values())
            more = f", and {_mended(files, missing[0])}" if missing else ""
            raise UserError(
                f"{root} has {there}; config.data.holdout, which is {holdout:g}, is for a folder "
                f"that has training triples alone: set it to 0{more}."
            )
    elif missing:
        expected = " or ".join(SPLITS[missing[0]])
        raise UserError(
            f"There are no {missing[0]} triples in {root}, expected {expected}"
            f"{_hint(root, files, missing[0])}."
        )
    return files


def _find(root: Path, split: str, names: tuple[str, ...]) -> Path | None:
    found = [root / name for name in names if (root / name).is_file()]
    if not found:
        stems = {name.removesuffix(".txt") for name in names}
        more = (root / f"{stem}{end}" for stem in sorted(stems) for end in LESS_COMMON)
        found = [path for path in more if path.is_file()]
    if len(found) > 1:
        several = " and ".join(path.name for path in found)
        raise UserError(f"{root} has several files for {split}: {several}; leave one of them.")
    return found[0] if found else None


def _hint(root: Path, files: dict[str, Path], split: str) -> str:
    """What to do about a split without a file, as the rest of a sentence."""
    wanted = SPLITS[split][0]
    for path in _others(root, files):
        if split != "train" and not path.name.startswith((wanted[:3], split[:3])):
            continue
        separator = _separator(path)
        if separator == ",":
            return f"; {path.name} has three columns: write it as {wanted}, with tabs for commas"
        if separator:
            return f"; {path.name} has three columns: if they are triples, rename it to {wanted}"
    if list(files) == ["train"]:
        name = files["train"].name
        return f"; to hold out a tenth of {name} for each, set --config.data.holdout=0.1"
    return f"; {_mended(files, split)}" if "train" in files else ""


def _mended(files: dict[str, Path], split: str) -> str:
    """What to do where training and one other split have a file, and `split` has none."""
    train, other = (path.name for path in files.values())
    return (
        f"write {SPLITS[split][0]}, or add the lines of {other} to {train}, move {other} away and "
        "set --config.data.holdout=0.1"
    )


def _others(root: Path, files: dict[str, Path]) -> list[Path]:
    """Files that may have triples under another name, the likeliest first."""
    taken = {*files.values()}
    for kind in vocabularies.STEMS:
        taken.update(vocabularies.locate(root, kind))
    entries = (path for path in root.iterdir() if path.suffix in OTHER and path not in taken)
    try:
        found = [path for path in islice(entries, LOOKED_AT) if path.is_file()]
    except OSError as error:
        raise UserError(f"Cannot read {root}: {error.strerror}.") from error
    return sorted(found, key=lambda path: (not path.name.startswith("tr"), path.name))


def _separator(path: Path) -> str:
    """What is between the three fields of the first line; "" where it has not three."""
    try:
        _, line = next(iter(read_lines(path, MAX_LINE)), (1, b""))
        text = "" if isinstance(line, Refused) else line.decode().strip()
    except (UserError, UnicodeDecodeError):
        return ""
    if text and len(fields(text)) == 3:
        return "\t"
    return "," if text.count(",") == 2 else ""
