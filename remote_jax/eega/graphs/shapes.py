"""How words are written: an uncased encoder reads `Apple` and `apple` alike, a reader of names does
not."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import numpy as np
from jaxtyping import Int


class Shape(IntEnum):
    """What a word looks like; 0 is left for what is no word."""

    LOWER = 1
    CAPITALISED = 2
    """The first letter alone is a capital, `Paris` and `I`."""
    CAPITALS = 3
    """`BBC`: two capitals or more, and no other letter."""
    MIXED = 4
    """`iPhone`, `McCain`."""
    UNCASED = 5
    """Letters of a script without capitals."""
    NUMBER = 6
    """Digits, and no letters: `2018`, `3:1`."""
    CODE = 7
    """Letters and digits: `4th`, `U2`."""
    MENTION = 8
    """`@`, alone or before a name."""
    LINK = 9
    """`https://t.co/x`, `www.x.org`; MNRE has none."""
    HASH = 10
    """`#`, alone or before a word."""
    SYMBOLS = 11
    """Anything else, an empty word too."""


SHAPES = len(Shape) + 1
"""How many numbers there are, 0 included."""

LINKS = ("http:", "https:", "www.")


def shape_of(word: str) -> Shape:
    """The first that a word is of: a link, mention or hash, then by its letters and digits."""
    if word.lower().startswith(LINKS):
        return Shape.LINK
    for mark, shape in (("@", Shape.MENTION), ("#", Shape.HASH)):
        if word.startswith(mark):
            return shape
    letters = [c for c in word if c.isalpha()]
    digits = any(c.isdigit() for c in word)
    if not letters:
        return Shape.NUMBER if digits else Shape.SYMBOLS
    return Shape.CODE if digits else _case(letters)


def _case(letters: list[str]) -> Shape:
    capital = [c.istitle() for c in letters]
    if not any(capital):
        return Shape.LOWER if any(c.islower() for c in letters) else Shape.UNCASED
    if not any(capital[1:]):
        return Shape.CAPITALISED if capital[0] else Shape.MIXED
    return Shape.CAPITALS if all(capital) else Shape.MIXED


def shapes(words: Iterable[str]) -> Int[np.ndarray, " words"]:
    """`shape_of` each word."""
    return np.array([shape_of(word) for word in words], np.int32)
