"""Boxes of objects in pictures, from untrusted input."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remote_jax.data.images import Box
from remote_jax.data.jsonl import show
from remote_jax.errors import Refused

TOLERANCE = 1e-3
"""How far a box may stick out of the picture before it is refused; it is clipped."""

BOXES = ("corners", "centers")

PIXELS = 2.0
"""Numbers of this size and more are no shares of a picture's sides."""


def check_box(value: object, what: str, boxes: str = "corners") -> Box:
    """`value` as left, top, right, bottom within [0, 1].

    Args:
        value: those four numbers (`corners`), or the centre's x and y, width and height
            (`centers`, as the first release of MORE has them).
        what: names it in the error.
        boxes: which of the two.
    """
    if not isinstance(value, list | tuple) or len(value) != 4:
        raise Refused(f"{what} must be four numbers, found {show(value)}")
    if not all(type(number) in (int, float) for number in value):
        raise Refused(f"{what} must be four numbers, found {show(value)}")
    if not all(math.isfinite(number) for number in value):
        raise Refused(f"{what} has a number that is not finite, found {show(value)}")
    box = [float(number) for number in value]
    if boxes == "centers":
        x, y, width, height = box
        box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    if min(box) < -TOLERANCE or max(box) > 1 + TOLERANCE:
        remedy = _remedy(box, boxes)
        raise Refused(
            f"{what} leaves the picture: expected within [0, 1], found {show(value)}{remedy}"
        )
    left, top, right, bottom = (min(max(number, 0.0), 1.0) for number in box)
    if not (left < right and top < bottom):
        raise Refused(
            f"{what} is empty, expected left < right and top < bottom: {show(value)}"
            f"{_remedy(box, boxes)}"
        )
    return left, top, right, bottom


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _remedy(box: Sequence[float], boxes: str) -> str:
    """What a box that is none may be meant to be."""
    if max(box) >= PIXELS:
        return "; these look like pixels: divide them by the picture's width and height"
    if boxes == "corners":
        x, y, width, height = box
        inside = min(x - width / 2, y - height / 2) >= 0 and max(x + width / 2, y + height / 2) <= 1
        if inside and min(width, height) > 0:
            return "; as x and y of the centre, width and height it would be one"
    return ""
