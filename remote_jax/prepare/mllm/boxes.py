"""Boxes as multimodal LLMs write them, whose unit differs, and as the posts have them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remote_jax.data.boxes import TOLERANCE, check_box
from remote_jax.data.images import Box
from remote_jax.data.jsonl import show
from remote_jax.errors import Refused

UNITS = {
    "pixels": "whole pixels of the picture, which is {width} wide and {height} high",
    "thousandths": "whole numbers from 0 to 1000, in thousandths of its width and height",
    "fractions": "numbers from 0 to 1, as fractions of its width and height",
}
"""Units of boxes, and how a prompt says them. Qwen2.5-VL writes pixels of the picture that it was
sent, Qwen3-VL and InternVL thousandths."""

LARGEST = 10**6
"""Beyond it is no number of a box; whole numbers of JSON may be too large for a float."""

Size = tuple[int, int]
"""Width and height of the picture that was sent, in pixels."""


def describe(unit: str, size: Size) -> str:
    """The unit, in words of a prompt."""
    return UNITS[unit].format(width=size[0], height=size[1])


def from_shares(box: Box, unit: str, size: Size) -> list[float]:
    """A box as a prompt shows it.

    Args:
        box: left, top, right, bottom as shares of the picture's sides.
    """
    numbers = [share * side for share, side in zip(box, _sides(unit, size), strict=True)]
    return [round(number, 3) if unit == "fractions" else round(number) for number in numbers]


def to_shares(value: object, what: str, unit: str, size: Size) -> Box:
    """A box of an answer, checked against the picture.

    Raises:
        Refused: it is none, not finite, empty, or outside of the picture; or it is so small that
            its numbers must be fractions.
    """
    if not isinstance(value, list) or not value or any(type(x) not in (int, float) for x in value):
        raise Refused(f"{what} must be four numbers, found {show(value)}")
    if any(LARGEST < abs(x) < math.inf for x in value):
        raise Refused(f"{what} leaves the picture: found {show(value)}")
    if len(value) != 4 or not all(map(math.isfinite, value)):
        return check_box(value, what)  # says what is wrong with it
    if unit != "fractions" and 0 < max(value) <= 1:
        raise Refused(f"{what} is {show(value)}, which are fractions, expected {unit}")
    shares = _shares(value, unit, size)
    if not _inside(shares):
        fits = [name for name in UNITS if name != unit and _inside(_shares(value, name, size))]
        hint = f"; it would not as {' or '.join(fits)} (--boxes)" if fits else ""
        raise Refused(
            f"{what} leaves the picture of {size[0]} x {size[1]}: found {show(value)} as "
            f"{unit}{hint}"
        )
    return check_box(shares, what)


def _shares(value: Sequence[float], unit: str, size: Size) -> list[float]:
    return [number / side for number, side in zip(value, _sides(unit, size), strict=True)]


def _sides(unit: str, size: Size) -> Sequence[float]:
    """What the numbers of a box are shares of."""
    return {"pixels": size * 2, "thousandths": (1000,) * 4, "fractions": (1,) * 4}[unit]


def _inside(shares: Sequence[float]) -> bool:
    return min(shares) >= -TOLERANCE and max(shares) <= 1 + TOLERANCE
