"""What people label: entities of a sentence, objects of a picture, and relations between them.

Entities have identifiers `e0`, `e1`, ..., objects `o0`, `o1`, ...: those that come with a post by
their place in it, those that a person adds by letters and digits that the page draws.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from remote_jax.data.boxes import check_box
from remote_jax.data.images import Box
from remote_jax.data.jsonl import show
from remote_jax.data.posts import text_of
from remote_jax.data.words import check_span
from remote_jax.errors import Refused

END = re.compile(r"[eo][0-9a-z]{1,16}")
DIGITS = 5
"""Decimals of a box: a hundred-thousandth of the picture's side."""

Pair = tuple[str, str]
"""The identifiers of two ends, sorted, so that an entity is before an object."""


@dataclass(frozen=True)
class Entity:
    """The characters [start, end) of a post's text, which are whole words."""

    span: tuple[int, int]
    type: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON."""
        return {"span": list(self.span), "type": self.type}


@dataclass(frozen=True)
class Object:
    """Left, top, right and bottom, as shares of the picture's width and height."""

    box: Box
    type: str = ""
    caption: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON."""
        return {"box": list(self.box), "type": self.type, "caption": self.caption}


@dataclass(frozen=True)
class Relation:
    """What joins two ends, by their identifiers."""

    head: str
    tail: str
    relation: str

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON."""
        return {"head": self.head, "tail": self.tail, "relation": self.relation}


End = Entity | Object
Value = Entity | Object | Relation


@dataclass(frozen=True)
class Layer:
    """All that one person says of a post.

    Attributes:
        ends: by their identifiers.
        relations: by their pairs; a pair that is not there is not labelled yet.
    """

    ends: Mapping[str, End] = field(default_factory=dict)
    relations: Mapping[Pair, Relation] = field(default_factory=dict)

    def pairs(self) -> list[Pair]:
        """Every two ends."""
        names = sorted(self.ends)
        return [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]

    def with_values(self, values: Mapping[str, Value | None]) -> Layer:
        """This layer with other values of some items; None takes an item away.

        Relations whose head or tail is not there are left out.
        """
        ends, relations = dict(self.ends), dict(self.relations)
        for item, value in values.items():
            place: dict[Any, Any] = relations if " " in item else ends
            key = pair_of(item) if " " in item else item
            if value is None:
                place.pop(key, None)
            else:
                place[key] = value
        kept = {pair: one for pair, one in relations.items() if all(end in ends for end in pair)}
        return Layer(ends, kept)

    def value(self, item: str) -> Value | None:
        """What an item is; None if it is not there."""
        return self.relations.get(pair_of(item)) if " " in item else self.ends.get(item)


def pair_of(item: str) -> Pair:
    """The pair that an item names, as `e0 o1`."""
    one, _, other = item.partition(" ")
    return one, other


def item_of(one: str, other: str) -> str:
    """The item of two ends, in either order."""
    return " ".join(sorted((one, other)))


def read_value(item: str, value: Mapping[str, Any]) -> Value:
    """The value of an item, from what `to_dict` gave; it was checked before it was kept."""
    if " " in item:
        return Relation(value["head"], value["tail"], value["relation"])
    if item.startswith("e"):
        return Entity((value["span"][0], value["span"][1]), value["type"])
    left, top, right, bottom = value["box"]
    return Object((left, top, right, bottom), value["type"], value["caption"])


def check_entity(
    value: Mapping[str, Any], what: str, starts: Sequence[int], ends: Sequence[int]
) -> Entity:
    """An entity of untrusted values; its span grows to the words that it touches.

    Args:
        value: `span` and perhaps `type`.
        what: names it in the error.
        starts, ends: of the words of the text, in characters.

    Raises:
        Refused: it is none.
    """
    start, end = check_span(value.get("span"), f"the span of {what}", ends[-1])
    first, last = bisect_right(ends, start), bisect_left(starts, end)
    if first >= last:
        raise Refused(f"the span of {what} covers no word, found [{start}, {end})")
    return Entity((starts[first], ends[last - 1]), check_type(value, what))


def check_object(value: Mapping[str, Any], what: str) -> Object:
    """An object of untrusted values: `box`, and perhaps `type` and `caption`.

    Raises:
        Refused: it is none.
    """
    edges = check_box(value.get("box"), f"the box of {what}")
    left, top, right, bottom = (round(edge, DIGITS) for edge in edges)
    if not (left < right and top < bottom):
        raise Refused(f"the box of {what} is too small to be seen, found {show(edges)}")
    caption = text_of(value, "caption", what)
    return Object((left, top, right, bottom), check_type(value, what), caption)


def check_type(value: Mapping[str, Any], what: str) -> str:
    """The type of an end in lower case; "" where it has none."""
    return text_of(value, "type", what).lower()
