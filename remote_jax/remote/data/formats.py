"""Where the released files of UMRE, MORE and MNRE are, and which relations they may name.

Names differ between releases, so each data set lists the names it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data import release
from remote_jax.errors import UserError, nearest
from remote_jax.remote.data.annotations import object_boxes, relation_labels


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
        boxes: how boxes are written where they could be `corners` as well as `centers`.
        distances: those of `depths` whose maps are larger the farther away; all others, the nearer.
        vocabularies: lists of relations in `third_party/relations`, one a release, newest first;
            none: that of the name.
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
    boxes: str = "corners"
    distances: tuple[str, ...] = ()
    vocabularies: tuple[str, ...] = ()


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
    # As the authors' code reads the release: `data/MORE` with boxes by their centre, and depth that
    # it takes from 255.
    boxes="centers",
    distances=("img_dep",),
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
    vocabularies=("mnre", "mnre_1"),
)


@dataclass(frozen=True)
class DataFiles:
    """The files of one data set, found by `locate`; every path is inside `root`."""

    layout: Layout
    root: Path
    rows: Mapping[str, Path]
    positions: Mapping[str, Path]
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
            names = self.layout.vocabularies or (self.layout.name,)
            return relation_labels.published(names, self.rows.values())
        return relation_labels.read(self.vocabulary)

    def unknown(self, relation: str) -> str:
        """What is wrong with a relation that is not in the vocabulary, and what to do."""
        count = len(self.relations)
        found = f"the relation {relation[:80]!r} is not one of the {count} "
        hint = nearest(relation, self.relations)
        if self.vocabulary is None:
            example = relation_labels.example(self.rows.values())
            return (
                f"{found}of {self.layout.name.upper()}{hint}; if they are your own, write them to "
                f"rel2id.json in the data folder: {example}"
            )
        return f"{found}in {self.vocabulary.name}{hint}; add it there with the id {count}"

    @property
    def distances(self) -> tuple[str, ...]:
        """The folders of `depths` whose maps are larger the farther away."""
        names = [path.relative_to(self.root).as_posix() for path in self.depths]
        return tuple(name for name in names if name in self.layout.distances)

    @cached_property
    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the files, as JSON values.

        Annotation files count with their content, pictures and depth maps with names and sizes.
        """
        positions = dict.fromkeys(self.positions.values())  # one file may be of all splits
        annotations = [*self.rows.values(), *positions, self.captions, self.vocabulary]
        annotations.append(self.all_relations)
        media = {*(folder for group in self.pictures.values() for folder in group), *self.depths}
        facts = {
            "name": self.layout.name,
            "boxes": self.boxes,
            "relations": list(self.relations),
            **({"distances": list(self.distances)} if self.distances else {}),
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
        boxes: how the files write a box (see `rows.check_box`); `auto` finds out.

    Raises:
        UserError: a file is missing, or there are several that it could be.
    """
    root = release.data_folder(folder, layout.name)
    places = [root, *(root / name for name in layout.subfolders if (root / name).is_dir())]
    rows = release.split_rows(root, places, layout.rows, layout.name)
    positions = _positions(layout, places, root, rows)
    if boxes == "auto":
        boxes = object_boxes.convention(dict.fromkeys(positions.values()), layout.boxes)
    return DataFiles(
        layout,
        root,
        rows,
        positions,
        _captions(places, captions, root),
        release.split_folders(root, layout.pictures, rows),
        release.folders(release.matching(places, layout.depths, root)),
        release.only(
            release.matching(places, relation_labels.FILES, root), "relation vocabulary", root
        ),
        release.only(release.existing(places, [ALL_RELATIONS], root), "all relations", root),
        boxes,
    )


def _positions(
    layout: Layout, places: list[Path], root: Path, splits: Iterable[str]
) -> dict[str, Path]:
    """The file of boxes of each split: one for all, or one each."""
    path = release.only(release.matching(places, object_boxes.FILES, root), "boxes", root)
    if path is not None:
        return dict.fromkeys(splits, path)
    found: dict[str, Path] = {}
    for split in splits:
        for pattern in object_boxes.SPLIT_FILES:
            paths = release.existing(places, release.names([pattern], split), root)
            if split not in found and (one := release.only(paths, f"boxes of {split}", root)):
                found[split] = one
        if split not in found and layout.positions:
            raise UserError(
                f"There is no pos_*.json in {root}, expected {{img_id: {{'[OBJk]': box}}}}; nor "
                f"boxes of {split}, e.g. {release.names(object_boxes.SPLIT_FILES, split)[0]}."
            )
    return found


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
