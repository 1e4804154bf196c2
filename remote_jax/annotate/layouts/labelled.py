"""Posts with their labels, as layouts are written from them and read into them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote_jax.annotate.ends import Entity, Layer, Object, Relation
from remote_jax.annotate.posts import Post
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.data.files import find
from remote_jax.data.images import Box
from remote_jax.data.release import SPLIT_NAMES
from remote_jax.errors import UserError
from remote_jax.reporting.results import json_line, write_atomically

PICTURES, DEPTHS = "pictures", "depth"
"""Folders of a folder that labels were imported into."""


@dataclass(frozen=True)
class Labelled:
    """A post, what is said of it, and the split that it is in."""

    post: Post
    layer: Layer
    split: str

    @property
    def entities(self) -> dict[str, Entity]:
        """Entities in the order of the sentence, by their identifiers."""
        ends = self.layer.ends.items()
        found = [(end.span, item, end) for item, end in ends if isinstance(end, Entity)]
        return {item: end for _, item, end in sorted(found, key=lambda one: one[:2])}

    @property
    def objects(self) -> dict[str, Object]:
        """Objects by their identifiers."""
        ends = self.layer.ends.items()
        return {item: end for item, end in ends if isinstance(end, Object)}

    @property
    def image(self) -> str:
        """The name of the picture, without the folder that an import puts it into."""
        return self.post.image.removeprefix(f"{PICTURES}/")

    def relations(self, kinds: Sequence[str]) -> list[Relation]:
        """The labels of pairs of some kinds, in the order of the pairs.

        Args:
            kinds: first letters of the ends, sorted: of `ee`, `eo` and `oo`.
        """
        return [
            relation
            for pair, relation in sorted(self.layer.relations.items())
            if pair[0][0] + pair[1][0] in kinds
        ]


@dataclass
class Imported:
    """A post that a layout holds, to be labelled on; ends are added as they are met.

    Attributes:
        tokens: words of the sentence.
        relations: labels, of ends `e0`, `o0` and so on, the places in their lists.
        image, depth: files; None without.
        name: of the picture in its folder.
        id: of the post; "" for one that is made up.
    """

    tokens: tuple[str, ...]
    split: str
    relations: list[Relation] = field(default_factory=list)
    image: Path | None = None
    depth: Path | None = None
    name: str = ""
    id: str = ""
    _entities: dict[tuple[int, int], set[str]] = field(default_factory=dict)
    _objects: dict[str, tuple[Box, str, set[str]]] = field(default_factory=dict)

    def entity(self, span: tuple[int, int], kind: str = "") -> str:
        """The identifier of the entity [start, end) in words; one with two types has none."""
        self._entities.setdefault(span, set()).update([kind] if kind else [])
        return f"e{list(self._entities).index(span)}"

    def object(self, name: str, box: Box, caption: str = "", kind: str = "") -> str:
        """The identifier of an object by its name in the layout."""
        edges = (box[0], box[1], box[2], box[3])
        found = self._objects.setdefault(name, (edges, caption, set()))
        found[2].update([kind] if kind else [])
        return f"o{list(self._objects).index(name)}"

    def entities(self) -> list[str]:
        """Identifiers of all entities."""
        return [f"e{place}" for place in range(len(self._entities))]

    def to_post(self, id_: str, image: str, depth: str) -> Mapping[str, Any]:
        """The line of `posts.jsonl`."""
        found: dict[str, Any] = {"id": id_, "tokens": self.tokens}
        found["entities"] = [
            {"start": start, "end": end, **_type(kinds)}
            for (start, end), kinds in self._entities.items()
        ]
        files = {"image": image, "depth": depth}
        objects = [
            {"box": box, **({"caption": caption} if caption else {}), **_type(kinds)}
            for box, caption, kinds in self._objects.values()
        ]
        found |= {key: name for key, name in files.items() if name}
        return found | ({"objects": objects} if objects else {})


def _type(kinds: set[str]) -> dict[str, str]:
    return {"type": next(iter(kinds))} if len(kinds) == 1 else {}


@dataclass
class Source:
    """What is read from a folder of a layout.

    Attributes:
        notes: a sentence on each kind of thing that was passed over.
    """

    vocabulary: Vocabulary
    posts: list[Imported]
    notes: list[str]


@dataclass(frozen=True)
class Target:
    """What a layout is written from, and where to.

    Attributes:
        source: the folder that was labelled, with the pictures.
        folder: that of the layout.
        notes: a sentence on each kind of thing that has no place in the layout; it grows.
    """

    source: Path
    folder: Path
    vocabulary: Vocabulary
    posts: Sequence[Labelled]
    notes: list[str] = field(default_factory=list)

    def write_rows(self, name: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Writes the rows of each split that has some, a row a line.

        Args:
            name: of the files, with `{}` for the split as releases call it.

        Raises:
            UserError: there is no row at all, or a file cannot be written.
        """
        if not any(rows.values()):
            raise UserError(f"{self.source} has no labels that this layout has a place for.")
        for split, some in rows.items():
            if some:
                path = self.folder / name.format(SPLIT_NAMES[split][0])
                write_atomically(path, map(json_line, some))

    def count(self, number: int, what: str) -> None:
        """Notes how many of something are left out."""
        if number:
            self.notes.append(f"{number:,} {what}.")


def name_in(folders: Sequence[Path], path: Path) -> str:
    """The name of a file in the first of some folders that has it."""
    folder = next(folder for folder in folders if path.is_relative_to(folder))
    return path.relative_to(folder).as_posix()


def copy_media(target: Target, posts: Iterable[Labelled], pictures: str, depths: str) -> None:
    """Copies pictures and depth maps of posts; a map is called as its picture.

    Args:
        pictures, depths: their folders; "" copies none.

    Raises:
        UserError: a file is gone, or cannot be copied.
    """
    for one in posts:
        files = [(one.post.image, pictures, one.image)]
        stem = one.image.rpartition(".")[0] or one.image
        files.append((one.post.depth, depths, f"{stem}.npz"))
        for name, folder, new in files:
            if name and folder and one.image:
                copy(target.source, name, target.folder / folder / new)


def copy(folder: Path, name: str, goal: Path) -> None:
    """Copies a file of a folder.

    Raises:
        UserError: it is gone, or cannot be copied.
    """
    path = find(folder, name)
    if path is None:
        raise UserError(f"{name} is not in {folder} any more.")
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, goal)
    except OSError as error:
        raise UserError(f"Cannot copy {path} to {goal}: {error.strerror}.") from error
