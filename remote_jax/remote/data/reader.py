"""The pairs of an annotation file, each checked against everything it refers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from remote_jax.data.boxes import check_box
from remote_jax.data.files import count_lines, inside, read_json, read_lines
from remote_jax.data.images import WHOLE, Box, read_depth
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.data.media import Media, by_picture
from remote_jax.data.records import Rejected
from remote_jax.data.release import MAX_JSON
from remote_jax.data.words import squash
from remote_jax.errors import Refused, UserError
from remote_jax.remote.data.annotations import object_boxes
from remote_jax.remote.data.annotations.counts import Counts
from remote_jax.remote.data.annotations.relation_labels import is_none
from remote_jax.remote.data.formats import DataFiles
from remote_jax.remote.data.pairs import WHOLE_PICTURE, Argument, Pair
from remote_jax.remote.data.rows import Row, RowArgument, check_row
from remote_jax.reporting.progress import tracked

MAX_OBJECTS = 1000
"""Most boxes of a picture."""


class PairReader:
    """Iterates over a split's rows: a `Pair` each, or `{file, line, reason}` of one refused.

    Attributes:
        counts: of the rows read so far.
        contradictions: `{file, line, reason}` of rows with a name that is not what its span covers;
            they are read all the same.
    """

    def __init__(self, files: DataFiles, split: str):
        """Opens the files of a split.

        Raises:
            UserError: the file of boxes or of captions cannot be read.
        """
        self.files, self.split = files, split
        self.name = files.rows[split].relative_to(files.root).as_posix()
        self.relations = {name: index for index, name in enumerate(files.relations)}
        path = files.positions.get(split)
        self.positions = object_boxes.read(path) if path else {}
        self.positions_name = path.name if path else ""
        self.captions = read_json(files.captions, MAX_JSON) if files.captions else {}
        self.media = Media(files.root)
        self.counts = Counts(self.name, boxes=files.boxes)
        self.contradictions: list[Rejected] = []

    def __iter__(self) -> Iterator[Pair | Rejected]:
        """The rows in their order.

        Raises:
            UserError: the file is one JSON array, and not a row a line.
        """
        path = self.files.rows[self.split]
        lines = read_lines(path, MAX_LINE)
        total = count_lines(path, MAX_LINE)
        for place, (number, line) in enumerate(
            tracked(lines, f"reading {self.name}", "rows", total)
        ):
            if place == 0:
                self._check_lines()
            try:
                if isinstance(line, Refused):
                    raise line
                row = check_row(parse(line), self.files.boxes)
                pair = self._pair(row, number)
            except Refused as error:
                self.counts.rejected += 1
                yield self._entry(number, str(error))
            else:
                self._count(row, pair)
                yield pair

    def _entry(self, line: int, reason: str) -> Rejected:
        return {"file": self.name, "line": line, "reason": reason}

    def _check_lines(self) -> None:
        path = self.files.rows[self.split]
        with path.open("rb") as file:
            if file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
                raise UserError(
                    f"{path} is a JSON array, expected an object a line. This writes them so: "
                    f'python -c "import json; [print(json.dumps(row)) for row in '
                    f"json.load(open('{path.name}'))]\" > rows.txt"
                )

    def _count(self, row: Row, pair: Pair) -> None:
        counts = self.counts
        counts.rows += 1
        counts.related += pair.label > 0
        counts.unpictured += not row.image
        counts.not_found += bool(row.image) and not pair.image
        counts.whole_picture += (
            self.files.layout.whole_picture
            and len(pair.boxes) == 1
            and not by_picture(self.positions, row.image)
        )
        counts.named += bool(row.head.span or row.tail.span)
        counts.ends += 2
        counts.captioned += bool(pair.head.caption) + bool(pair.tail.caption)
        if reason := row.contradiction:
            counts.contradicting += 1
            self.contradictions.append(self._entry(pair.line, reason))

    def _label(self, relation: str) -> int:
        """Its id; any label for no relation is that of the vocabulary."""
        known = self.relations.get(relation)
        if known is None and not is_none(relation):
            raise Refused(self.files.unknown(relation))
        return known or 0

    def _pair(self, row: Row, line: int) -> Pair:
        label = self._label(row.relation)
        layout = self.files.layout
        _check_kind(row.head, "h", layout.head)
        _check_kind(row.tail, "t", layout.tail)
        image = depth = ""
        if row.image:
            inside(self.files.root, row.image)
            image = self.media.find_picture(self.files.pictures[self.split], row.image)
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
            label=label,
            file=self.name,
            line=line,
        )

    def _boxes(self, row: Row, pictured: bool) -> dict[str, Box]:
        """Boxes by name: the picture's listed ones, then the row's own, which win."""
        listed = by_picture(self.positions, row.image)
        what = self.positions_name
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
            boxes[WHOLE_PICTURE] = WHOLE
        return boxes

    def _caption(self, image: str, name: str) -> str:
        captions = by_picture(self.captions, image)
        if not isinstance(captions, Mapping) or len(captions) > MAX_OBJECTS:
            raise Refused(
                f"the caption file must give {image!r} at most {MAX_OBJECTS} captions by name, as "
                f'{{"[OBJ0]": "a golden cup"}}, found {show(captions)}'
            )
        caption = captions.get(name)
        if caption is None:  # words of a name may be joined otherwise there
            caption = next((captions[key] for key in captions if squash(key) == squash(name)), None)
        return check_text(caption, f"the caption of {name!r}") if caption not in (None, "") else ""


def _check_kind(argument: RowArgument, key: str, kind: str) -> None:
    found = "object" if argument.box else "text"
    if kind not in ("any", found):
        expected = {"text": "a span [start, end)", "object": "a box of four numbers"}[kind]
        raise Refused(f"'pos' of {key!r} must be {expected} in this data set")
