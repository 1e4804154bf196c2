"""Where the files of JMERE are, as released or to be derived from MNRE's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data import release
from remote_jax.eega.quintuples import Vocabulary
from remote_jax.errors import UserError

SCENES = ("custom_prediction.json", "custom_data_info.json")
"""Files of scene graphs, in the data folder (`scene_graph.py`)."""
BOXES = "boxes.json"
"""`{picture: [[left, top, right, bottom], ...]}` in shares of its sides, for those without one."""
DEPTHS = ("img_dep", "depth_data")
"""Folders of depth maps, a picture's `a.jpg` being `a.npz`."""


@dataclass(frozen=True)
class Layout:
    """Names that a data set's files go by, relative to the data folder.

    Attributes:
        name: of the data set.
        rows: annotation files, with `{split}` for one of `release.SPLIT_NAMES`.
        pictures: folders of pictures, likewise.
        subfolders: where annotation files may be besides the data folder itself.
        listed: whether a file is one list of sentences; else it has a pair a line.
    """

    name: str
    rows: tuple[str, ...]
    pictures: tuple[str, ...]
    subfolders: tuple[str, ...]
    listed: bool


JMERE = Layout(
    "jmere",
    rows=("{split}.json", "jmere_{split}.json"),
    pictures=("img_org/{split}", "img_org", "JMERE_IMG"),
    subfolders=("no_none_unified_tags_txt",),
    listed=True,
)
MNRE = Layout(
    "jmere_mnre", release.MNRE_ROWS, release.MNRE_PICTURES, release.MNRE_SUBFOLDERS, listed=False
)
LAYOUTS = {layout.name: layout for layout in (JMERE, MNRE)}


@dataclass(frozen=True)
class DataFiles:
    """The files of one data set, found by `locate`; every path is inside `root`.

    Attributes:
        parses: of the splits whose parses the folder brings (`trees.py`).
        scenes: the two files of scene graphs, if there are any.
        boxes: the file of boxes, if there is one.
        depths: folders of depth maps.
    """

    layout: Layout
    root: Path
    rows: Mapping[str, Path]
    pictures: Mapping[str, tuple[Path, ...]]
    parses: Mapping[str, Path]
    scenes: tuple[Path, ...]
    boxes: Path | None
    depths: tuple[Path, ...]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Types and relations, both in the order of the published ids."""
        relations = release.bundled("relations", JMERE.name)
        return Vocabulary(release.bundled("entity_types", JMERE.name), relations[1:])

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the files, as JSON values."""
        facts = {"name": self.layout.name, "tags": list(self.vocabulary.tags)}
        media = [folder for group in self.pictures.values() for folder in group]
        files = [*self.rows.values(), *self.parses.values(), *self.scenes]
        files += [self.boxes] if self.boxes else []
        return release.fingerprint(self.root, facts, files, [*media, *self.depths])


def locate(layout: Layout, folder: str | Path) -> DataFiles:
    """Finds a data set's files.

    Raises:
        UserError: a file is missing, or there are several that it could be.
    """
    root = release.data_folder(folder, layout.name)
    places = [root, *(root / name for name in layout.subfolders if (root / name).is_dir())]
    rows = release.split_rows(root, places, layout.rows, layout.name)
    parses = {
        split: found
        for split, path in rows.items()
        for found in release.existing([path.parent], [parses_of(path).name], root)
    }
    scenes = tuple(release.existing([root], SCENES, root))
    if len(scenes) == 1:
        raise UserError(f"Of {' and '.join(SCENES)}, {root} has only {scenes[0].name}.")
    return DataFiles(
        layout,
        root,
        rows,
        pictures=release.split_folders(root, layout.pictures, rows),
        parses=parses,
        scenes=scenes,
        boxes=release.only(release.existing([root], [BOXES], root), "boxes", root),
        depths=release.folders(release.existing([root], DEPTHS, root)),
    )


def parses_of(rows: Path) -> Path:
    """Where a data folder would bring the parses of an annotation file."""
    return rows.with_suffix(".parses.npz")
