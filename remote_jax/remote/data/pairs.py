"""A pair of a post: what is known of it before anything is cropped or tokenized."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

TRIPLET_TYPES = ("ee", "oo", "eo")
"""Triplet types: entity-entity, object-object, and one of each in either order."""


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
    span: tuple[int, int] | None = None
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
        label: index in the relation vocabulary, -1 if unknown.
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
    label: int = -1
    file: str = ""
    line: int = 0
    row: int = -1

    @property
    def type(self) -> int:
        """Index of the triplet type in `TRIPLET_TYPES`."""
        objects = (self.head.object >= 0) + (self.tail.object >= 0)
        return (0, 2, 1)[objects]
