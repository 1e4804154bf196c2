"""Where the released files of UMRE, MORE and MNRE are, and which relations they may name.

Names differ between releases, so each data set lists the names it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data import release
from remote_jax.data.files import read_json
from remote_jax.data.release import MAX_JSON
from remote_jax.errors import UserError


@dataclass(frozen=True)
class Layout:
    """Names that a data set's files go by, relative to the data folder.

    Attributes:
        name: of the data set and of its vocabulary in `third_party/relations`.
        rows: annotation files, with `{split}` for one of `release.SPLIT_NAMES`.
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


ALL_RELATIONS = "all_relations.json"
"""What holds in each post, listed or not (`unlisted`)."""

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
    rows=release.MNRE_ROWS,
    pictures=release.MNRE_PICTURES,
    subfolders=release.MNRE_SUBFOLDERS,
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
    all_relations: Path | None
    boxes: str

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """The vocabulary in the order of its ids; index 0 is no relation."""
        if self.vocabulary is None:
            return release.bundled("relations", self.layout.name)
        return _read_relations(self.vocabulary)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the files, as JSON values.

        Annotation files count with their content, pictures and depth maps with names and sizes.
        """
        annotations = [*self.rows.values(), self.positions, self.captions, self.vocabulary]
        annotations.append(self.all_relations)
        media = {*(folder for group in self.pictures.values() for folder in group), *self.depths}
        facts = {
            "name": self.layout.name,
            "boxes": self.boxes,
            "relations": list(self.relations),
        }
        return release.fingerprint(self.root, facts, filter(None, annotations), media)


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
    root = release.data_folder(folder, layout.name)
    places = [root, *(root / name for name in layout.subfolders if (root / name).is_dir())]
    rows = release.split_rows(root, places, layout.rows, layout.name)
    return DataFiles(
        layout,
        root,
        rows,
        _positions(layout, places, root),
        _captions(places, captions, root),
        release.split_folders(root, layout.pictures, rows),
        release.folders(release.matching(places, layout.depths, root)),
        release.only(release.matching(places, ["rel2id*.json"], root), "relation vocabulary", root),
        release.only(release.existing(places, [ALL_RELATIONS], root), "all relations", root),
        boxes,
    )


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


def _positions(layout: Layout, places: list[Path], root: Path) -> Path | None:
    path = release.only(release.matching(places, ["pos_*.json"], root), "boxes", root)
    if path is None and layout.positions:
        pickled = release.matching(places, ["ent_*_dict.pth"], root)
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
        paths = release.existing(places, [name], root)
        if not paths:
            raise UserError(
                f"config.data.captions is {name!r}, but there is no such file in {root}."
            )
        return paths[0]
    paths = release.matching(places, ["cap*.json"], root)
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise UserError(
            f"{root} has several caption files, name one in config.data.captions: {names}."
        )
    return paths[0] if paths else None
