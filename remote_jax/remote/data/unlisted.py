"""Pairs of a post that its annotators did not list, found while records are built.

A post is a sentence with its picture. Its ends are the entities that any of its rows names, and
the objects of its picture. Which of these pairs are unrelated is unknown, unless the data folder
says what holds in all_relations.json:

    {"a.jpg": [[[0, 2], "[OBJ1]", "/per/per/self"], ...]}

An end is the span of an entity or the name of an object; a picture that is listed has no other
relation than these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from remote_jax.data.files import read_json
from remote_jax.data.media import by_picture
from remote_jax.data.release import MAX_JSON
from remote_jax.errors import UserError
from remote_jax.remote.data.pairs import Named, Pair, backward, named, triplet_type

MAX_ENDS = 48
"""Most ends of a post that are paired: the first ones, entities before objects."""

UNLISTED = np.dtype(
    [
        ("base", np.int32),  # the row whose sentence and picture it has
        ("head_row", np.int32),  # the row that names the head, -1 for an object
        ("head", np.int32),  # 0 or 1: head or tail of that row; or the number of the object
        ("tail_row", np.int32),
        ("tail", np.int32),
        ("label", np.int32),  # 0 where nothing is known of it
        ("known", np.bool_),  # whether the label is
        ("type", np.int32),
        ("backward", np.bool_),
        ("reverse_of", np.int32),  # the row that lists the pair the other way round, or -1
        ("pair", np.int64),  # the same number for both orders
    ]
)
"""A pair; rows are those of the split's records."""

End = tuple[int, int] | str
"""The span of an entity, or the name of an object."""


@dataclass(frozen=True)
class Holding:
    """All that holds in a post: the relation of each pair that has one."""

    relations: Mapping[tuple[End, End], int]


def read_relations(path: Path, relations: Sequence[str]) -> dict[str, Holding]:
    """What all_relations.json says of each picture.

    Raises:
        UserError: it is malformed, or names a relation that is not in the vocabulary.
    """
    ids = {name: number for number, name in enumerate(relations)}
    found = {}
    for image, rows in read_json(path, MAX_JSON).items():
        holding: dict[tuple[End, End], int] = {}
        for place, row in enumerate(rows if isinstance(rows, list) else [rows]):
            if not isinstance(row, list) or len(row) != 3:
                raise UserError(f"{path}: {image!r}, item {place} must be [head, tail, relation].")
            head, tail, relation = row
            if not isinstance(relation, str) or relation not in ids:
                raise UserError(f"{path}: {image!r}, item {place} names no relation of the data.")
            pair = (_end(head, path, image), _end(tail, path, image))
            if pair in holding:
                raise UserError(f"{path}: {image!r}, item {place} names the pair again.")
            holding[pair] = ids[relation]
        found[image] = Holding(holding)
    return found


def _end(value: Any, path: Path, image: str) -> End:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and [type(one) for one in value] == [int, int]:
        return (value[0], value[1])
    raise UserError(f"{path}: {image!r}, an end must be [start, end) or the name of an object.")


class Posts:
    """Gathers the rows of a split by post."""

    def __init__(self, known: Mapping[str, Holding]):
        """Takes what is known of pictures, by `img_id`."""
        self._known = known
        self._posts: dict[tuple[tuple[str, ...], str], _Post] = {}

    def add(self, row: int, pair: Pair) -> None:
        """A row of the records."""
        key = (pair.tokens, pair.img_id)
        self._posts.setdefault(key, _Post(len(self._posts))).add(row, pair)

    def places(self, rows: int) -> Int[np.ndarray, "rows 3"]:
        """The number of each row's post, and those of head and tail among the post's objects.

        These are numbered by their names and boxes; -1 for an entity.
        """
        found = np.full((rows, 3), -1)
        for post in self._posts.values():
            numbers = {one: number for number, one in enumerate(post.seen)}
            for row, ends in post.rows:
                objects = [
                    -1 if end is None else numbers.setdefault(end, len(numbers)) for end in ends
                ]
                found[row] = [post.number, *objects]
        return found

    def other_orders(self, rows: int) -> Int[np.ndarray, " rows"]:
        """Of each row the one that lists its pair the other way round, -1 where none does."""
        found = np.full(rows, -1)
        for post in self._posts.values():
            for (head, tail), (row, _) in post.listed.items():
                found[row] = post.listed.get((tail, head), (-1, 0))[0]
        return found

    def check_known(self, path: Path) -> None:
        """Sees that what is known of pictures has what their rows list.

        Raises:
            UserError: of most related rows it has not.
        """
        lacking, total = [], 0
        for (_, image), post in self._posts.items():
            known = by_picture(self._known, image)
            for (head, tail), (row, label) in post.listed.items():
                if known and label > 0:
                    total += 1
                    said = (known.relations.get(one) for one in ((head, tail), (tail, head)))
                    if label not in said:
                        lacking.append((image, head, tail, row))
        if 2 * len(lacking) > total:
            image, head, tail, row = lacking[0]
            raise UserError(
                f"{path} lacks {len(lacking):,} of the {total:,} relations that rows list; the "
                f"first is that of {head} and {tail} of {image!r}, row {row + 1} of those read. "
                "An end is [start, end) in tokens, the end exclusive, or the name of an object."
            )

    def unlisted(self) -> np.ndarray:
        """Every pair of ends of a post that is not listed in this order, as `UNLISTED`."""
        rows: list[tuple[Any, ...]] = []
        for (_, image), post in self._posts.items():
            known = by_picture(self._known, image) or None
            rows.extend(post.unlisted(known))
        return np.array(rows, UNLISTED)


class _Post:
    """The ends of a post and the pairs that are listed."""

    def __init__(self, number: int) -> None:
        self.number, self.base = number, -1
        # Where each end is named: row and which of its ends, or -1 and the number of the object.
        self.entities: dict[End, tuple[int, int]] = {}
        self.objects: dict[End, tuple[int, int]] = {}
        self.listed: dict[tuple[End, End], tuple[int, int]] = {}
        # The base's objects, and of each row those that are its ends.
        self.seen: list[Named] = []
        self.rows: list[tuple[int, list[Named | None]]] = []

    def add(self, row: int, pair: Pair) -> None:
        if self.base < 0 or len(pair.objects) > len(self.objects):  # a row may add a box
            self.base = row
            self.objects = {name: (-1, number) for number, name in enumerate(pair.objects)}
            self.seen = [named(pair, number) for number in range(len(pair.objects))]
        ends: list[End] = []
        for place, argument in enumerate((pair.head, pair.tail)):
            end: End = argument.name if argument.span is None else argument.span
            if argument.span is not None:
                self.entities.setdefault(end, (row, place))
            ends.append(end)
        self.listed.setdefault((ends[0], ends[1]), (row, pair.label))
        shown = [x.object for x in (pair.head, pair.tail)]
        self.rows.append((row, [named(pair, at) if at >= 0 else None for at in shown]))

    def unlisted(self, known: Holding | None) -> Iterator[tuple[Any, ...]]:
        ends = dict(list({**self.entities, **self.objects}.items())[:MAX_ENDS])
        order = {end: place for place, end in enumerate(ends)}
        for head, tail in product(ends, ends):
            if head == tail or (head, tail) in self.listed:
                continue
            low, high = sorted((order[head], order[tail]))
            kinds = (ends[head], ends[tail])
            head_object, tail_object = (-1 if row >= 0 else place for row, place in kinds)
            yield (
                self.base,
                *kinds[0],
                *kinds[1],
                0 if known is None else known.relations.get((head, tail), 0),
                known is not None,
                triplet_type(head_object, tail_object),
                backward(_span(head), _span(tail), head_object, tail_object),
                self.listed.get((tail, head), (-1, 0))[0],
                (self.number * MAX_ENDS + low) * MAX_ENDS + high,
            )


def posts_of(unlisted: np.ndarray) -> Int[np.ndarray, " n"]:
    """The number of each pair's post (`Posts.add`)."""
    return unlisted["pair"] // MAX_ENDS**2


def objects_of(unlisted: np.ndarray) -> Int[np.ndarray, "n 2"]:
    """The numbers of each pair's head and tail as objects, -1 for an entity."""
    ends = (("head_row", "head"), ("tail_row", "tail"))
    return np.column_stack(
        [np.where(unlisted[row] >= 0, -1, unlisted[number]) for row, number in ends]
    )


def _span(end: End) -> tuple[int, int] | None:
    return None if isinstance(end, str) else end
