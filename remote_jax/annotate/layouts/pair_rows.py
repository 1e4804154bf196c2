"""UMRE, MORE and MNRE: a labelled pair a line, boxes and captions by picture."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.layouts.labelled import Labelled, Target, copy_media
from remote_jax.data.images import Box
from remote_jax.data.release import SPLITS
from remote_jax.remote.data import formats
from remote_jax.reporting.results import write_atomically


@dataclass(frozen=True)
class Layout:
    """How one of them is written; `formats.Layout` says how it is read.

    Attributes:
        read: its names of files.
        rows: that of a split's rows.
        kinds: pairs that it holds, as `Labelled.relations` takes them.
        boxes: that of boxes; "" for none.
        captions, depths: that of captions, and the folder of depth maps; likewise.
    """

    read: formats.Layout
    rows: str
    kinds: tuple[str, ...]
    pictures: str
    boxes: str = ""
    captions: str = ""
    depths: str = ""


LAYOUTS = {
    "umre": Layout(
        *(formats.UMRE, "{}_set.json", ("ee", "eo", "oo"), "UMKE_IMG"),
        *("pos_umre.json", "cap_umre.json", "depth_data"),
    ),
    # In `img_dep` smaller values would be nearer.
    "more": Layout(
        formats.MORE,
        "more_{}.txt",
        ("eo",),
        "img_org",
        "pos_more.json",
        "cap_more.json",
        "depth_data",
    ),
    "mnre": Layout(formats.MNRE, "mnre_{}.txt", ("ee",), "img_org"),
}


class _Boxes:
    """Names of the boxes of each picture: posts that show the same picture share them."""

    def __init__(self, posts: tuple[Labelled, ...]):
        self.boxes: dict[str, dict[str, Box]] = {}
        self.captions: dict[str, dict[str, str]] = {}
        self._names: dict[tuple[str, Box], str] = {}
        for one in posts:
            for end in one.objects.values():
                of_picture = self.boxes.setdefault(one.image, {})
                if (one.image, end.box) not in self._names:
                    name = f"[OBJ{len(of_picture)}]"
                    self._names[one.image, end.box] = name
                    of_picture[name] = end.box
                if end.caption:
                    name = self.name(one, end.box)
                    self.captions.setdefault(one.image, {}).setdefault(name, end.caption)

    def name(self, one: Labelled, box: Box) -> str:
        """The name of a box of a post."""
        return self._names[one.image, box]


def write(target: Target, name: str) -> None:
    """Writes the folder; pairs of other kinds are left out and counted.

    Args:
        name: one of `LAYOUTS`.

    Raises:
        UserError: a file cannot be written.
    """
    layout = LAYOUTS[name]
    posts = tuple(target.posts)
    boxes = _Boxes(posts)
    centres = layout.read.boxes == "centers"
    rows = {
        split: [
            row for one in posts if one.split == split for row in _rows(one, layout, boxes, target)
        ]
        for split in SPLITS
    }
    target.write_rows(layout.rows, rows)
    if layout.boxes:
        written = {
            image: {key: _written(box, centres) for key, box in found.items()}
            for image, found in boxes.boxes.items()
        }
        write_atomically(target.folder / layout.boxes, [json.dumps(written, ensure_ascii=False)])
    if layout.captions:
        text = json.dumps(boxes.captions, ensure_ascii=False)
        write_atomically(target.folder / layout.captions, [text])
    if target.vocabulary.relations != vocabularies.published(name).relations:
        vocabularies.write(target.folder, target.vocabulary)
    _note(target, layout, boxes)
    copy_media(target, posts, layout.pictures, layout.depths)


def _note(target: Target, layout: Layout, boxes: _Boxes) -> None:
    """Says what the layout has no place for."""
    kept = {"ee", "eo", "oo"} - set(layout.kinds)
    others = sum(len(one.relations(tuple(kept))) for one in target.posts)
    target.count(others, "labels of other kinds of pairs have no place in this layout")
    empty = sum(not one.relations(layout.kinds) for one in target.posts)
    target.count(empty, "posts have no labelled pair, and so no row")


def _rows(
    one: Labelled, layout: Layout, boxes: _Boxes, target: Target
) -> Iterator[Mapping[str, Any]]:
    """The rows of a post."""
    centres = layout.read.boxes == "centers"
    for relation in one.relations(layout.kinds):
        head, tail = relation.head, relation.tail
        if layout.read.head == "text" and head.startswith("o"):
            undirected = (target.vocabulary.none, *target.vocabulary.symmetric)
            if relation.relation not in undirected:
                note = f"{one.post.id}: an object as head has no place in this layout."
                target.notes.append(note)
                continue
            head, tail = tail, head
        yield {
            "token": one.post.words,
            "h": _end(one, head, boxes, centres),
            "t": _end(one, tail, boxes, centres),
            **({"img_id": one.image} if one.image else {}),
            "relation": relation.relation,
        }


def _end(one: Labelled, item: str, boxes: _Boxes, centres: bool) -> Mapping[str, Any]:
    if item in one.objects:
        box = one.objects[item].box
        return {"name": boxes.name(one, box), "pos": _written(box, centres)}
    start, end = one.post.in_words(one.entities[item].span)
    return {"name": " ".join(one.post.words[start:end]), "pos": [start, end]}


def _written(box: Box, centres: bool) -> list[float]:
    left, top, right, bottom = box
    if not centres:
        return [left, top, right, bottom]
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
