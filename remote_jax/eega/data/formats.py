"""Where the files of JMERE are, as released or to be derived from MNRE's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data import release
from remote_jax.data.files import read_lines
from remote_jax.data.jsonl import MAX_LINE, check_text, show
from remote_jax.eega.quintuples import Vocabulary
from remote_jax.errors import Refused, UserError

TYPES, RELATIONS = "types.txt", "relations.txt"
"""Types of entities and relations of one's own, a name a line; JMERE's where there is no file."""
MAX_NAMES = 1000
"""Most names in such a file."""

SCENES = ("custom_prediction.json", "custom_data_info.json")
"""Files of scene graphs, in the data folder or in one of each split (`scene_graph.py`)."""
SCENE_FOLDERS = ("image_path/{split}", "no_none_image_path/{split}")
BOXES = "boxes.json"
"""`{picture: [[left, top, right, bottom], ...]}` in shares of its sides, for those without one."""
PASSED_OVER = (
    (
        r".*feature.*(pickle|pkl|npy|npz|h5|hdf5|pt|pth|safetensors|json)|.*\.(h5|hdf5|pt|pth)",
        "features of a detector's regions, but the model reads the pixels of pictures and boxes",
    ),
    (
        r".*\.(dependency_graph|dependency|syntaxPosition|pos_sequence|graph)",
        "parses and counts as pickles, which could run code; they are made anew",
    ),
    (r".*\.(pickle|pkl)", "pickles, which could run code; convert what you need"),
)
"""What a folder may have that is not read, by its name, and why it is not."""
SHOWN = 5
"""Most names of a sentence."""

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
    pictures=("img_org/{split}", "img_org", "JMERE_IMG", *SCENE_FOLDERS),
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
        names: files of one's own vocabulary, by their names.
        parses: of the splits whose parses the folder brings (`trees.py`).
        scenes: the two files of scene graphs of the splits that have them.
        boxes: the file of boxes, if there is one.
        depths: folders of depth maps.
    """

    layout: Layout
    root: Path
    rows: Mapping[str, Path]
    pictures: Mapping[str, tuple[Path, ...]]
    names: Mapping[str, Path]
    parses: Mapping[str, Path]
    scenes: Mapping[str, tuple[Path, Path]]
    boxes: Path | None
    depths: tuple[Path, ...]

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Types and relations of the folder's own files; else JMERE's, as the published ids are.

        Raises:
            UserError: a file of names is malformed.
        """
        types = release.bundled("entity_types", JMERE.name)
        relations = release.bundled("relations", JMERE.name)[1:]
        return Vocabulary(
            read_names(self.names[TYPES]) if TYPES in self.names else types,
            read_names(self.names[RELATIONS]) if RELATIONS in self.names else relations,
        )

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the files, as JSON values."""
        facts = {"name": self.layout.name, "tags": list(self.vocabulary.tags)}
        media = [folder for group in self.pictures.values() for folder in group]
        scenes = dict.fromkeys(path for pair in self.scenes.values() for path in pair)
        files = [*self.rows.values(), *self.parses.values(), *scenes, *self.names.values()]
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
    named = release.existing([root], [TYPES, RELATIONS], root)
    return DataFiles(
        layout,
        root,
        rows,
        pictures=release.split_folders(root, layout.pictures, rows),
        names={path.name: path for path in named},
        parses=parses,
        scenes=_scenes(root, rows),
        boxes=release.only(release.existing([root], [BOXES], root), "boxes", root),
        depths=release.folders(release.existing([root], DEPTHS, root)),
    )


def passed_over(files: DataFiles) -> list[str]:
    """A sentence on each kind of file that could be meant for EEGA and is not read.

    They are looked for where others of the authors' are: in the folder, beside the rows and in
    `SCENE_FOLDERS`.
    """
    patterns = [one for split in files.rows for one in release.names(SCENE_FOLDERS, split)]
    places = [path.parent for path in files.rows.values()]
    places += release.folders(release.existing([files.root], patterns, files.root))
    found: dict[str, list[str]] = {}
    for place in dict.fromkeys([files.root, *places]):
        for path in sorted(place.iterdir()):
            reasons = (why for names, why in PASSED_OVER if re.fullmatch(names, path.name))
            if reason := next(reasons, None):
                name = path.relative_to(files.root).as_posix()
                found.setdefault(reason, []).append(name)
    return [f"Not read: {some(names)}: {reason}." for reason, names in found.items()]


def some(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def parses_of(rows: Path) -> Path:
    """Where a data folder would bring the parses of an annotation file."""
    return rows.with_suffix(".parses.npz")


def _scenes(root: Path, splits: Iterable[str]) -> dict[str, tuple[Path, Path]]:
    """Predictions and names of each split that has scene graphs: one pair for all, or one each.

    The authors read the names beside the predictions for training, so these are for every split
    that has none of its own.
    """
    shared = release.existing([root], SCENES, root)
    if len(shared) == 1:
        raise UserError(
            f"Of {' and '.join(SCENES)}, {root} has only {shared[0].name}; put the other beside it."
        )
    predictions, names = (_one_each(root, splits, kind) for kind in SCENES)
    if shared and predictions:
        found = [path.relative_to(root).as_posix() for path in (shared[0], *predictions.values())]
        raise UserError(
            f"{root} has scene graphs for all splits and for one: {', '.join(found)}; leave either."
        )
    if shared:
        return dict.fromkeys(splits, (shared[0], shared[1]))
    pairs = {}
    for split, path in predictions.items():
        if not names:
            raise UserError(f"{path} needs {SCENES[1]} beside it, which names what is in pictures.")
        pairs[split] = path, names.get(split) or next(iter(names.values()))
    return pairs


def _one_each(root: Path, splits: Iterable[str], name: str) -> dict[str, Path]:
    """The file of that name in `SCENE_FOLDERS` of each split that has one."""
    found = {}
    for split in splits:
        places = release.existing([root], release.names(SCENE_FOLDERS, split), root)
        path = release.only(release.existing(places, [name], root), f"{split} scenes", root)
        if path is not None:
            found[split] = path
    return found


def read_names(path: Path) -> tuple[str, ...]:
    """The names in a file, one a line, in lower case.

    Raises:
        UserError: there is none, one is there twice or is `none`, or there are too many.
    """
    found: dict[str, int] = {}
    for number, line in read_lines(path, MAX_LINE):
        try:
            if isinstance(line, Refused):
                raise line
            name = check_text(line.decode().strip().lower(), "the name")
            if name == "none" or name in found:
                why = (
                    f"as on line {found[name]}" if name in found else "which is no name of its own"
                )
                raise Refused(f"the name is {show(name)}, {why}; take it out")
            if len(found) == MAX_NAMES:
                raise Refused(f"there are more than {MAX_NAMES:,} names")
        except (Refused, UnicodeDecodeError) as error:
            raise UserError(f"{path}, line {number}: {error}.") from error
        found[name] = number
    if not found:
        raise UserError(f"{path} is empty, expected a name a line.")
    return tuple(found)
