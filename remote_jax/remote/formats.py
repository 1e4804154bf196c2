"""Where the released files of UMRE, MORE and MNRE are, and which relations they may name.

Names differ between releases, so each data set lists the names it knows. Every path is inside the
data folder, links included; a folder of pictures that is a link to elsewhere is refused.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError
from remote_jax.files import Refused, inside, read_json, sha256

SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {"train": ("train",), "validation": ("val", "valid", "validation"), "test": ("test",)}
MAX_JSON = 2**30


@dataclass(frozen=True)
class Layout:
    """Names that a data set's files go by, relative to the data folder.

    Attributes:
        name: of the data set and of its vocabulary in `third_party/relations`.
        rows: annotation files, with `{split}` for one of `SPLIT_NAMES`.
        pictures: folders of pictures, likewise.
        depths: patterns of folders of depth maps.
        subfolders: where annotation files may be besides the data folder itself.
        head, tail: `text`, `object`, or `any`.
        positions: whether the file of boxes must be there.
        whole_picture: whether a picture without listed boxes is one object, the whole of it.
    """

    name: str
    rows: tuple[str, ...]
    pictures: tuple[str, ...]
    depths: tuple[str, ...] = ("depth_data*", "img_dep")
    subfolders: tuple[str, ...] = ()
    head: str = "any"
    tail: str = "any"
    positions: bool = True
    whole_picture: bool = False


UMRE = Layout(
    "umre",
    rows=("{split}_set.json", "{split}_set.txt"),
    pictures=("UMKE_IMG",),
    subfolders=("umke_partner",),
)
MORE = Layout(
    "more",
    rows=(
        *("more_{split}.txt", "more_{split}.json", "{split}_set.json"),
        *("{split}.txt", "{split}.json", "txt/{split}.txt"),
    ),
    pictures=("img_org/{split}", "img_org", "MORE_IMG", "UMKE_IMG"),
    head="text",
    tail="object",
)
MNRE = Layout(
    "mnre",
    # The blank is in the name of the validation file of the data set's repository.
    rows=("mnre_{split}.txt", "mnre_{split} .txt", "mnre_{split}.json"),
    pictures=("img_org/{split}", "img_org", "MNRE_IMG"),
    subfolders=("txt",),
    head="text",
    tail="text",
    positions=False,
    whole_picture=True,
)


@dataclass(frozen=True)
class DataFiles:
    """The files of one data set, found by `locate`; every path is inside `root`."""

    layout: Layout
    root: Path
    rows: Mapping[str, Path]
    positions: Path | None
    captions: Path | None
    pictures: Mapping[str, tuple[Path, ...]]
    depths: tuple[Path, ...]
    vocabulary: Path | None
    boxes: str

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """The vocabulary in the order of its ids; index 0 is no relation."""
        if self.vocabulary is None:
            return bundled_relations(self.layout.name)
        return _read_relations(self.vocabulary)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the files, as JSON values.

        Annotation files count with their content, pictures and depth maps with names and sizes.
        """
        annotations = [*self.rows.values(), self.positions, self.captions, self.vocabulary]
        files = {}
        for path in filter(None, annotations):
            name = path.relative_to(self.root).as_posix()
            files[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        folders = sorted({*(f for group in self.pictures.values() for f in group), *self.depths})
        media = {folder.relative_to(self.root).as_posix(): _measure(folder) for folder in folders}
        facts = {
            "name": self.layout.name,
            "boxes": self.boxes,
            "relations": list(self.relations),
            "files": files,
            "media": media,
        }
        whole = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return {**facts, "sha256": whole}


def locate(
    layout: Layout, folder: str | Path, captions: str = "", boxes: str = "corners"
) -> DataFiles:
    """Finds a data set's files.

    Args:
        layout: names to look for.
        folder: the data folder.
        captions: name of the caption file; "" takes the only `cap*.json`.
        boxes: how the files write a box (see `rows.check_box`).

    Raises:
        UserError: a file is missing, or there are several that it could be.
    """
    if not str(folder).strip():
        raise UserError(
            f"config.data.dir is empty, expected the folder of the {layout.name.upper()} files."
        )
    root = Path(folder).expanduser().resolve()
    if not root.is_dir():
        raise UserError(f"There is no data folder {folder}.")
    places = [root, *(root / name for name in layout.subfolders if (root / name).is_dir())]
    rows = {}
    for split in SPLITS:
        names = _names(layout.rows, split)
        if path := _only(_existing(places, names, root), f"{split} rows", root):
            rows[split] = path
    if not rows:
        expected = ", ".join(name for split in SPLITS for name in _names(layout.rows[:1], split))
        raise UserError(f"There are no {layout.name.upper()} files in {root}, e.g. {expected}.")
    return DataFiles(
        layout,
        root,
        rows,
        _positions(layout, places, root),
        _captions(places, captions, root),
        {
            split: _folders(_existing([root], _names(layout.pictures, split), root))
            for split in rows
        },
        _folders(_matching(places, layout.depths, root)),
        _only(_matching(places, ["rel2id*.json"], root), "relation vocabulary", root),
        boxes,
    )


def bundled_relations(name: str) -> tuple[str, ...]:
    """The vocabulary of `third_party/relations/NAME.txt`."""
    folder = importlib.resources.files("remote_jax.third_party") / "relations"
    return tuple((folder / f"{name}.txt").read_text(encoding="utf-8").split())


def _read_relations(path: Path) -> tuple[str, ...]:
    ids = read_json(path, MAX_JSON)
    whole = all(type(number) is int for number in ids.values())
    if not whole or sorted(ids.values()) != list(range(len(ids))):
        raise UserError(f"{path} must give relations the ids 0 to {len(ids) - 1}, each once.")
    relations = sorted(ids, key=ids.__getitem__)
    absent = [name for name in relations if name.lower() in ("none", "na", "no_relation")]
    if len(absent) != 1:
        raise UserError(f"{path} must have one label for no relation, 'none' or 'None'.")
    return (absent[0], *(name for name in relations if name != absent[0]))


def _names(patterns: Iterable[str], split: str) -> list[str]:
    names = [p.format(split=name) for p in patterns for name in SPLIT_NAMES[split]]
    return list(dict.fromkeys(names))


def _existing(places: Iterable[Path], names: Iterable[str], root: Path) -> list[Path]:
    names = list(names)
    found = [_checked(place, name) for place in places for name in names if (place / name).exists()]
    for path in found:  # a subfolder may itself be a link that leads outside
        _checked(root, path.relative_to(root).as_posix())
    return list(dict.fromkeys(found))


def _matching(places: Iterable[Path], patterns: Iterable[str], root: Path) -> list[Path]:
    patterns = list(patterns)
    names = sorted(
        path.relative_to(root).as_posix()
        for place in places
        for pattern in patterns
        for path in place.glob(pattern)
    )
    return [_checked(root, name) for name in names]


def _folders(paths: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.is_dir())


def _checked(root: Path, name: str) -> Path:
    try:
        inside(root, name)
    except Refused as error:
        raise UserError(f"{root}: {error}; nothing outside of it is opened.") from error
    return root / name


def _only(paths: list[Path], what: str, root: Path) -> Path | None:
    if len(paths) > 1:
        names = ", ".join(path.relative_to(root).as_posix() for path in paths)
        raise UserError(f"{root} has several files for the {what}: {names}; leave one of them.")
    return paths[0] if paths else None


def _positions(layout: Layout, places: list[Path], root: Path) -> Path | None:
    path = _only(_matching(places, ["pos_*.json"], root), "boxes", root)
    if path is None and layout.positions:
        pickled = _matching(places, ["ent_*_dict.pth"], root)
        hint = (
            f"; {pickled[0].name} is a pickle, which can run code and is not opened: "
            "write what it holds as that JSON file"
            if pickled
            else ""
        )
        raise UserError(
            f"There is no pos_*.json in {root}, expected {{img_id: {{'[OBJk]': box}}}}{hint}."
        )
    return path


def _captions(places: list[Path], name: str, root: Path) -> Path | None:
    if name:
        paths = _existing(places, [name], root)
        if not paths:
            raise UserError(
                f"config.data.captions is {name!r}, but there is no such file in {root}."
            )
        return paths[0]
    paths = _matching(places, ["cap*.json"], root)
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(
            f"{root} has several caption files, name one in config.data.captions: {names}."
        )
    return paths[0] if paths else None


def _measure(folder: Path) -> dict[str, Any]:
    """Count and bytes of the files of a folder, and a digest of their names and sizes."""
    entries = []
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            entries.append((path.relative_to(folder).as_posix(), path.lstat().st_size))
    digest = hashlib.sha256(json.dumps(sorted(entries)).encode()).hexdigest()
    return {"files": len(entries), "bytes": sum(size for _, size in entries), "sha256": digest}
