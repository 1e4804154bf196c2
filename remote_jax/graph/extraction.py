"""All extracted posts as tables of posts, mentions and triplets.

Rows are ordered by the posts' ids, and vocabularies are sorted, so that the tables do not depend on
the order in which posts were extracted.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.data.extracted import ExtractedPost, Mention
from remote_jax.errors import UserError
from remote_jax.graph.names import clean
from remote_jax.remote.data.annotations import relation_labels
from remote_jax.reporting.progress import tracked


@dataclass(frozen=True)
class Posts:
    """Post by post; dates and images are None where there are none."""

    ids: list[str]
    texts: list[str]
    dates: list[str | None]
    images: list[str | None]


@dataclass(frozen=True)
class Mentions:
    """Mention by mention, those of a post one after the other.

    Attributes:
        post: its row.
        place: among the mentions of its post, from 0.
        name, type: places in the vocabularies of the extraction.
        span: [start, end) in characters; -1 of an object.
        box: left, top, right, bottom; NaN of an entity.
    """

    post: Int[np.ndarray, " mentions"]
    place: Int[np.ndarray, " mentions"]
    name: Int[np.ndarray, " mentions"]
    type: Int[np.ndarray, " mentions"]
    span: Int[np.ndarray, "mentions 2"]
    box: Float[np.ndarray, "mentions 4"]

    @property
    def is_object(self) -> Bool[np.ndarray, " mentions"]:
        return self.span[:, 0] < 0

    def __len__(self) -> int:
        return len(self.post)


@dataclass(frozen=True)
class Triplets:
    """Triplet by triplet: rows of mentions, a place in the vocabulary, and a probability."""

    head: Int[np.ndarray, " triplets"]
    tail: Int[np.ndarray, " triplets"]
    relation: Int[np.ndarray, " triplets"]
    probability: Float[np.ndarray, " triplets"]


@dataclass(frozen=True)
class Extraction:
    """The tables and their vocabularies.

    Attributes:
        names: of entities, and captions of objects, cleaned.
        types: lower case; the first is "", not known. They have those that relations name.
        relations: names, cleaned.
    """

    posts: Posts
    mentions: Mentions
    triplets: Triplets
    names: list[str]
    types: list[str]
    relations: list[str]

    def mention(self, row: int) -> Mention:
        """The mention of a row."""
        mentions = self.mentions
        name, kind = self.names[mentions.name[row]], self.types[mentions.type[row]]
        if mentions.is_object[row]:
            left, top, right, bottom = mentions.box[row].tolist()
            return Mention(name, kind, box=(left, top, right, bottom))
        start, end = mentions.span[row].tolist()
        return Mention(name, kind, (start, end))


def types_of(relation: str) -> tuple[str, str]:
    """The types of head and tail that a relation such as `/per/org/member_of` names, or ""."""
    head, tail = relation_labels.types_of(relation) or ("", "")
    return head.lower(), tail.lower()


def last_part(relation: str) -> str:
    """`member_of` of `/per/org/member_of`."""
    return relation.rpartition("/")[2]


def tables(posts: Iterable[ExtractedPost]) -> Extraction:
    """The tables of some posts.

    Raises:
        UserError: two posts have one id.
    """
    reader = _Reader()
    for post in tracked(posts, "reading extracted posts", "posts"):
        reader.add(post)
    return reader.tables()


def _integers() -> array[int]:
    return array("q")


def _floats() -> array[float]:
    return array("d")


@dataclass
class _Reader:
    """Collects posts in the order in which they come."""

    posts: Posts = field(default_factory=lambda: Posts([], [], [], []))
    names: dict[str, int] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=lambda: {"": 0})
    relations: dict[str, int] = field(default_factory=dict)
    mentions: array[int] = field(default_factory=_integers)
    """Post, place, name, type, start and end of each."""
    boxes: array[float] = field(default_factory=_floats)
    triplets: array[int] = field(default_factory=_integers)
    """Head, tail and relation of each."""
    probabilities: array[float] = field(default_factory=_floats)

    def add(self, post: ExtractedPost) -> None:
        row, first = len(self.posts.ids), len(self.boxes) // 4
        self.posts.ids.append(post.id)
        self.posts.texts.append(post.text)
        self.posts.dates.append(post.date)
        self.posts.images.append(post.image)
        for place, one in enumerate(post.mentions):
            text = clean(one.name) if one.name else ""
            name = self.names.setdefault(text, len(self.names))
            text = clean(one.type).lower() if one.type else ""
            kind = self.types.setdefault(text, len(self.types))
            self.mentions.extend((row, place, name, kind, *(one.span or (-1, -1))))
            self.boxes.extend(one.box or (np.nan,) * 4)
        for triplet in post.triplets:
            relation = self.relations.setdefault(_relation(triplet.relation), len(self.relations))
            self.triplets.extend((first + triplet.head, first + triplet.tail, relation))
            self.probabilities.append(triplet.probability)

    def tables(self) -> Extraction:
        for relation in self.relations:
            for kind in types_of(relation):
                self.types.setdefault(kind, len(self.types))
        ids = self.posts.ids
        order = sorted(range(len(ids)), key=ids.__getitem__)
        for one, two in pairwise(order):
            if ids[one] == ids[two]:
                raise UserError(
                    f"The post {ids[one][:80]!r} was extracted twice: ids must differ, or its "
                    "support would count twice. Give each post an id of its own and extract anew."
                )
        columns = np.array(self.mentions, np.int64).reshape(-1, 6)
        rank = np.empty(len(ids), np.int64)
        rank[order] = np.arange(len(ids))
        rows = np.argsort(rank[columns[:, 0]], kind="stable")
        names, types, relations = map(_sorted, (self.names, self.types, self.relations))
        return Extraction(
            Posts(*([column[row] for row in order] for column in vars(self.posts).values())),
            Mentions(
                post=rank[columns[rows, 0]],
                place=columns[rows, 1],
                name=names.place[columns[rows, 2]],
                type=types.place[columns[rows, 3]],
                span=columns[rows, 4:],
                box=np.array(self.boxes).reshape(-1, 4)[rows],
            ),
            self._triplets(rows, relations.place),
            names.values,
            types.values,
            relations.values,
        )

    def _triplets(self, rows: Int[np.ndarray, " n"], relation: Int[np.ndarray, " r"]) -> Triplets:
        """The triplets, of mentions that stand in another order now."""
        moved = np.empty(len(rows), np.int64)
        moved[rows] = np.arange(len(rows))
        columns = np.array(self.triplets, np.int64).reshape(-1, 3)
        found = Triplets(
            moved[columns[:, 0]],
            moved[columns[:, 1]],
            relation[columns[:, 2]],
            np.array(self.probabilities, np.float64),
        )
        order = np.lexsort((found.relation, found.tail, found.head))
        return Triplets(*(column[order] for column in vars(found).values()))


def _relation(name: str) -> str:
    """A relation's name as ROAM's files can have it: without angle brackets around it."""
    return clean(name).strip("<> ") or "unnamed"


@dataclass(frozen=True)
class _Sorted:
    values: list[str]
    place: Int[np.ndarray, " values"]
    """In `values`, of each value in the order in which they were met."""


def _sorted(met: dict[str, int]) -> _Sorted:
    values = sorted(met)
    place = np.empty(len(values), np.int64)
    place[[met[value] for value in values]] = np.arange(len(values))
    return _Sorted(values, place)
