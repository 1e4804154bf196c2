"""Small pictures inside the page, as many as its size allows."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from remote_jax.data.files import find
from remote_jax.data.images import read_picture
from remote_jax.errors import Refused
from remote_jax.report.view import Box

LONGEST = 320
"""Pixels of the longer side."""
ROOM = 7_000_000
"""Characters of all pictures together, so that the page stays below 15 MB."""


def thumbnails(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Data URLs of pictures, the first ones as far as there is room.

    Args:
        root: the data folder.
        names: of files in it. One that is missing or cannot be read has no picture.
    """
    found: dict[str, str] = {}
    room = ROOM
    for name in dict.fromkeys(names):
        url = _thumbnail(root, name) if name else ""
        room -= len(url)
        if room < 0:
            break
        if url:
            found[name] = url
    return found


def as_box(edges: Sequence[float]) -> Box:
    """A box of the page, from left, top, right and bottom as shares of the picture."""
    left, top, right, bottom = (round(float(edge), 4) for edge in edges)
    return left, top, right, bottom


def _thumbnail(root: Path, name: str) -> str:
    try:
        path = find(root, name)
        if path is None:
            return ""
        picture = read_picture(path)
    except Refused:
        return ""
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode("ascii")
