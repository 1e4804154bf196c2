"""Posts of a folder of UMRE, MORE or MNRE, through the reader that training has."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.ends import Relation, item_of
from remote_jax.annotate.layouts.labelled import Imported, Source, name_in
from remote_jax.annotate.layouts.pair_rows import LAYOUTS
from remote_jax.remote.data import formats
from remote_jax.remote.data.annotations.relation_labels import types_of
from remote_jax.remote.data.pairs import WHOLE_PICTURE, Argument, Pair
from remote_jax.remote.data.reader import PairReader

NOTES = {
    "rejected": "rows are malformed and left out",
    "unpictured": "rows have an object whose picture is not there; left out",
    "again": "rows repeat a pair with another label; the first one is kept",
}


def read(folder: Path, name: str) -> Source:
    """The posts of a folder: rows of the same words and picture are of one post.

    Args:
        name: one of `LAYOUTS`.

    Raises:
        UserError: a file is missing or malformed.
    """
    layout = LAYOUTS[name].read
    files = formats.locate(layout, folder, boxes="auto" if layout.positions else "corners")
    reading = _Reading(files)
    for split in files.rows:
        for pair in PairReader(files, split):
            if isinstance(pair, Pair):
                reading.add(pair, split)
            else:
                reading.passed["rejected"] += 1
    notes = [f"{number:,} {NOTES[what]}." for what, number in reading.passed.items()]
    return Source(reading.vocabulary, list(reading.posts.values()), notes)


class _Reading:
    """The posts that were met so far."""

    def __init__(self, files: formats.DataFiles):
        self.files = files
        self.vocabulary = vocabularies.of(files.relations)
        self.posts: dict[tuple[str, tuple[str, ...], str], Imported] = {}
        self.passed: Counter[str] = Counter()

    def add(self, pair: Pair, split: str) -> None:
        """Adds what a row says."""
        key = (split, pair.tokens, pair.img_id)
        post = self.posts.setdefault(key, Imported(pair.tokens, split))
        if pair.image and post.image is None:
            post.image = self.files.root / pair.image
            post.name = name_in(self.files.pictures[split], post.image)
            post.depth = self.files.root / pair.depth if pair.depth else None
        if post.image is not None:
            self._add_objects(post, pair)
        elif pair.head.span is None or pair.tail.span is None:
            self.passed["unpictured"] += 1
            return
        relation = self.files.relations[pair.label]
        kinds = types_of(relation) or ("", "")
        head, tail = (
            self._end(post, pair, argument, kind)
            for argument, kind in zip((pair.head, pair.tail), kinds, strict=True)
        )
        self._label(post, Relation(head, tail, relation))

    def _label(self, post: Imported, label: Relation) -> None:
        pair = item_of(label.head, label.tail)
        before = [one for one in post.relations if item_of(one.head, one.tail) == pair]
        if not before:
            post.relations.append(label)
        elif not self.vocabulary.same(before[0], label):
            self.passed["again"] += 1

    @staticmethod
    def _add_objects(post: Imported, pair: Pair) -> None:
        for name, box, caption in zip(pair.objects, pair.boxes, pair.captions, strict=True):
            if name != WHOLE_PICTURE:
                left, top, right, bottom = (round(float(edge), 5) for edge in box)
                post.object(name, (left, top, right, bottom), caption)

    @staticmethod
    def _end(post: Imported, pair: Pair, argument: Argument, kind: str) -> str:
        """The identifier of a head or tail, and the type that its relation gives it."""
        if argument.span is not None:
            return post.entity(argument.span, kind)
        left, top, right, bottom = pair.boxes[argument.object].tolist()
        return post.object(argument.name, (left, top, right, bottom), kind=kind)
