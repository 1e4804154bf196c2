"""A pair of a post: what is known of it before anything is cropped or tokenized."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

TRIPLET_TYPES = ("ee", "oo", "eo")
"""Triplet types: entity-entity, object-object, and one of each in either order."""

WHOLE_PICTURE = "[picture]"
"""Name of the object that a picture without boxes is."""

Span = tuple[int, int]


Named = tuple[str, tuple[float, ...]]
"""An object of a post: its name and its box."""


def triplet_type(head: int, tail: int) -> int:
    """Index in `TRIPLET_TYPES`, by the numbers of head and tail as objects, -1 for an entity."""
    return (0, 2, 1)[(head >= 0) + (tail >= 0)]


def backward(head_span: Span | None, tail_span: Span | None, head: int, tail: int) -> bool:
    """Whether a pair is in the second of the two orders that it can be asked in.

    The first order is: the entity that comes first in the sentence, the object that comes first
    among the objects, and in a pair of both the entity.

    Args:
        head_span, tail_span: of entities.
        head, tail: numbers of objects, -1 for an entity.
    """
    if head_span is not None and tail_span is not None:
        return head_span > tail_span
    return head > tail


@dataclass(frozen=True)
class Argument:
    """The head or the tail of a pair.

    Attributes:
        name: of the entity, or `[OBJk]`.
        span: words [start, end) of an entity; None for an object.
        object: index of an object in `Pair.boxes`; -1 for an entity.
        caption: what the caption file says of it, or "".
    """

    name: str
    span: Span | None = None
    object: int = -1
    caption: str = ""


@dataclass(frozen=True)
class Pair:
    """Two arguments, whose relation is asked for.

    Attributes:
        tokens: words of the sentence.
        head, tail: entities or objects.
        boxes: left, top, right, bottom in [0, 1], an object a row.
        image, depth: files relative to the data folder, or "".
        objects, captions: name and caption of each of the picture's objects, where they are known.
        img_id: what the row calls its picture, "" if it has none or was read from records.
        label: index in the relation vocabulary, -1 if unknown.
        weight: of the pair in the loss.
        file, line: where the pair was written.
        row: its index in the split.
    """

    tokens: tuple[str, ...]
    head: Argument
    tail: Argument
    boxes: Float[np.ndarray, "objects 4"] = field(
        default_factory=lambda: np.zeros((0, 4), np.float32)
    )
    image: str = ""
    depth: str = ""
    objects: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()
    img_id: str = ""
    label: int = -1
    weight: float = 1.0
    file: str = ""
    line: int = 0
    row: int = -1

    @property
    def type(self) -> int:
        """Index of the triplet type in `TRIPLET_TYPES`."""
        return order_of(self.head, self.tail)[0]

    @property
    def backward(self) -> bool:
        """Whether it is in the second order (`backward`)."""
        return order_of(self.head, self.tail)[1]


def order_of(head: Argument, tail: Argument) -> tuple[int, bool]:
    """The triplet type of a pair, and whether it is in the second order (`backward`)."""
    return (
        triplet_type(head.object, tail.object),
        backward(head.span, tail.span, head.object, tail.object),
    )


def named(pair: Pair, number: int) -> Named:
    """An object of a pair's picture, whatever its number there."""
    return pair.objects[number], tuple(pair.boxes[number].tolist())
