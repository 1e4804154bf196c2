"""The pairs of an annotation file, each checked against everything it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from remote_jax.data.boxes import check_box
from remote_jax.data.files import inside, read_json, read_lines
from remote_jax.data.images import WHOLE, Box, read_depth, read_picture
from remote_jax.data.jsonl import MAX_LINE, check_text, parse
from remote_jax.data.media import Media
from remote_jax.errors import Refused
from remote_jax.remote.data import formats
from remote_jax.remote.data.formats import DataFiles
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.remote.data.rows import Row, RowArgument, check_row

MAX_OBJECTS = 1000
"""Most boxes of a picture."""


class PairReader:
    """Iterates over a split's rows: a `Pair` each, or `{file, line, reason}` of one refused."""

    def __init__(self, files: DataFiles, split: str):
        self.files, self.split = files, split
        self.name = files.rows[split].relative_to(files.root).as_posix()
        self.relations = {name: index for index, name in enumerate(files.relations)}
        self.positions = read_json(files.positions, formats.MAX_JSON) if files.positions else {}
        self.captions = read_json(files.captions, formats.MAX_JSON) if files.captions else {}
        self.media = Media(files.root)

    def __iter__(self) -> Iterator[Pair | dict[str, Any]]:
        for number, line in read_lines(self.files.rows[self.split], MAX_LINE):
            try:
                if isinstance(line, Refused):
                    raise line
                yield self._pair(check_row(parse(line), self.files.boxes), number)
            except Refused as error:
                yield {"file": self.name, "line": number, "reason": str(error)}

    def _pair(self, row: Row, line: int) -> Pair:
        if row.relation not in self.relations:
            raise Refused(
                f"the relation {row.relation[:80]!r} is not one of the {len(self.relations)} "
                "of the vocabulary"
            )
        layout = self.files.layout
        _check_kind(row.head, "h", layout.head)
        _check_kind(row.tail, "t", layout.tail)
        inside(self.files.root, row.image)
        image = self.media.find(self.files.pictures[self.split], row.image, read_picture)
        stem = row.image.rpartition(".")[0] or row.image
        depth = self.media.find(self.files.depths, f"{stem}.npz", read_depth)
        boxes = self._boxes(row, bool(image))
        objects = {name: index for index, name in enumerate(boxes)}
        head, tail = (
            Argument(
                argument.name,
                argument.span,
                objects[argument.name] if argument.box else -1,
                self._caption(row.image, argument.name),
            )
            for argument in (row.head, row.tail)
        )
        return Pair(
            tokens=row.tokens,
            head=head,
            tail=tail,
            boxes=np.array(list(boxes.values()), np.float32).reshape(-1, 4),
            image=image,
            depth=depth,
            objects=tuple(boxes),
            captions=tuple([self._caption(row.image, name) for name in boxes]),
            img_id=row.image,
            label=self.relations[row.relation],
            file=self.name,
            line=line,
        )

    def _boxes(self, row: Row, pictured: bool) -> dict[str, Box]:
        """Boxes by name: the picture's listed ones, then the row's own, which win."""
        listed = self.positions.get(row.image, {})
        what = self.files.positions.name if self.files.positions else ""
        if not isinstance(listed, Mapping) or len(listed) > MAX_OBJECTS:
            raise Refused(f"{what} must give {row.image!r} at most {MAX_OBJECTS} boxes by name")
        boxes = {
            name: check_box(box, f"the box {name!r} in {what}", self.files.boxes)
            for name, box in listed.items()
        }
        head, tail = row.head, row.tail
        if head.name == tail.name and head.box and tail.box and head.box != tail.box:
            raise Refused(f"head and tail are {head.name!r}, but their boxes differ")
        boxes.update({x.name: x.box for x in (head, tail) if x.box})
        if not boxes and pictured and self.files.layout.whole_picture:
            boxes["[picture]"] = WHOLE
        return boxes

    def _caption(self, image: str, name: str) -> str:
        captions = self.captions.get(image, {})
        if not isinstance(captions, Mapping):
            raise Refused(f"the caption file must give {image!r} captions by name")
        caption = captions.get(name)
        return check_text(caption, f"the caption of {name!r}") if caption not in (None, "") else ""


def _check_kind(argument: RowArgument, key: str, kind: str) -> None:
    found = "object" if argument.box else "text"
    if kind not in ("any", found):
        expected = {"text": "a span [start, end)", "object": "a box of four numbers"}[kind]
        raise Refused(f"'pos' of {key!r} must be {expected} in this data set")
