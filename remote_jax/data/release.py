"""Finding the files of a released data set, and telling one version of them from another.

Names differ between releases, so each data set lists the names it knows. Every path is inside the
data folder, links included; a folder of pictures that is a link to elsewhere is refused.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.data.files import inside, sha256
from remote_jax.errors import Refused, UserError

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
MAX_JSON = 2**30
"""Longest JSON file, in bytes."""

PUBLISHED = {
    "MNRE-2": {
        "1cc34438a00e2a2db73e4eba297820f926f62abd1fddc693caa13c58b62428b7",
        "c76865179b5678167b164c21fd25ed31f9a1416da393ac93ce70f32b00352b75",
        "f53c2f9b7739bea7d08aee4a91bfd6ec7432e1d0eeb83debf10f5d3291bc5215",
    }
}
"""SHA-256 of the rows of each split of a release."""

# The blank is in the name of the validation file of the data set's repository.
MNRE_ROWS = (
    *("mnre_{split}.txt", "mnre_{split} .txt", "mnre_{split}.json"),
    *("ours_{split}.txt", "mnre_org_{split}.txt"),  # of the first release, and of public code
)
MNRE_PICTURES = (
    *("img_org/{split}", "img_org", "MNRE_IMG"),
    # In a clone of the repository, wherever the pictures were unpacked.
    *("mnre_image/img_org/{split}", "mnre_image/{split}", "mnre_image"),
    *("mnre_img/{split}", "mnre_img"),
)
MNRE_SUBFOLDERS = ("txt", "mnre_txt")


def data_folder(folder: str | Path, name: str) -> Path:
    """The folder of the data set `name`, or a UserError where there is none."""
    if not str(folder).strip():
        raise UserError(
            f"config.data.dir is empty, expected the folder of the {name.upper()} files."
        )
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise UserError(f"There is no data folder {folder}.")
    return root


def split_rows(
    root: Path, places: Iterable[Path], patterns: Iterable[str], name: str
) -> dict[str, Path]:
    """The file of rows of each split that has one.

    Args:
        root: the data folder.
        places: it and those below it where the files may be.
        patterns: their names, `{split}` standing for one of `SPLIT_NAMES`.
        name: of the data set.

    Raises:
        UserError: there is none, or a split has several.
    """
    places, patterns = list(places), list(patterns)
    rows = {}
    for split in SPLITS:
        if path := only(existing(places, names(patterns, split), root), f"{split} rows", root):
            rows[split] = path
    if not rows:
        expected = ", ".join(one for split in SPLITS for one in names(patterns[:1], split))
        archives = sorted(path.name for path in root.glob("*.zip"))[:3]
        hint = f"; unpack {', '.join(archives)} there if they hold them" if archives else ""
        raise UserError(f"There are no {name.upper()} files in {root}, e.g. {expected}{hint}.")
    return rows


def split_folders(
    root: Path, patterns: Iterable[str], splits: Iterable[str]
) -> dict[str, tuple[Path, ...]]:
    """The folders of each split's pictures, in the order in which they are searched."""
    patterns = list(patterns)
    return {split: folders(existing([root], names(patterns, split), root)) for split in splits}


def fingerprint(
    root: Path, facts: Mapping[str, Any], files: Iterable[Path], media: Iterable[Path]
) -> dict[str, Any]:
    """`facts`, names, sizes and SHA-256 of files, and of all that together, as JSON values.

    Folders of `media` count with the names and sizes of what is in them.
    """
    found = {
        path.relative_to(root).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in files
    }
    folders = {path.relative_to(root).as_posix(): _measure(path) for path in sorted(set(media))}
    whole = {**facts, "files": found, "media": folders}
    digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
    return {**whole, "sha256": digest}


def title(data: ConfigDict, fingerprint: Mapping[str, Any]) -> str:
    """What a data set is, for a person: never a benchmark's name for what is not the benchmark.

    Args:
        data: the part `data` of a config.
        fingerprint: of the files; they are looked up in `PUBLISHED`.
    """
    if not data.dir:
        return f"a generated sample ({data.name}'s layout)"
    files = {file["sha256"] for file in fingerprint.get("files", {}).values()}
    if release := next((name for name, rows in PUBLISHED.items() if rows <= files), ""):
        return release
    return f"{Path(data.dir).expanduser().resolve().name} ({data.name}'s layout)"


def bundled(folder: str, name: str) -> tuple[str, ...]:
    """The lines of `third_party/FOLDER/NAME.txt`."""
    file = importlib.resources.files("remote_jax.third_party") / folder / f"{name}.txt"
    return tuple(file.read_text(encoding="utf-8").split())


def copy_notice(folder: Path) -> None:
    """Writes into `folder` where the names in `third_party/` come from."""
    notice = importlib.resources.files("remote_jax.third_party") / "NOTICE"
    (folder / "NOTICE").write_bytes(notice.read_bytes())


def names(patterns: Iterable[str], split: str) -> list[str]:
    """Names of a split's file, in the order of the patterns."""
    found = [p.format(split=name) for p in patterns for name in SPLIT_NAMES[split]]
    return list(dict.fromkeys(found))


def existing(places: Iterable[Path], names: Iterable[str], root: Path) -> list[Path]:
    """What there is of `names` in `places`, which are in `root`."""
    names = list(names)
    found = [_checked(place, name) for place in places for name in names if (place / name).exists()]
    for path in found:  # a subfolder may itself be a link that leads outside
        _checked(root, path.relative_to(root).as_posix())
    return list(dict.fromkeys(found))


def matching(places: Iterable[Path], patterns: Iterable[str], root: Path) -> list[Path]:
    """What there is in `places` that matches a pattern."""
    patterns = list(patterns)
    found = sorted(
        path.relative_to(root).as_posix()
        for place in places
        for pattern in patterns
        for path in place.glob(pattern)
    )
    return [_checked(root, name) for name in found]


def folders(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that are folders."""
    return tuple(path for path in paths if path.is_dir())


def only(paths: list[Path], what: str, root: Path) -> Path | None:
    """The one path, None where there is none, a UserError where there are several."""
    if len(paths) > 1:
        found = ", ".join(path.relative_to(root).as_posix() for path in paths)
        raise UserError(f"{root} has several files for the {what}: {found}; leave one of them.")
    return paths[0] if paths else None


def _checked(root: Path, name: str) -> Path:
    try:
        inside(root, name)
    except Refused as error:
        raise UserError(f"{root}: {error}; nothing outside of it is opened.") from error
    return root / name


def _measure(folder: Path) -> dict[str, Any]:
    """Count and bytes of the files of a folder, and a digest of their names and sizes."""
    entries = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            entries.append((path.relative_to(folder).as_posix(), path.lstat().st_size))
    digest = hashlib.sha256(json.dumps(sorted(entries)).encode()).hexdigest()
    return {"files": len(entries), "bytes": sum(size for _, size in entries), "sha256": digest}
