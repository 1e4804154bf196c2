"""Small pictures inside the page, as many as its size allows."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from remote_jax.data.cache import cache_folder
from remote_jax.data.files import find
from remote_jax.data.images import read_picture
from remote_jax.eega.sample import folder as of_eega
from remote_jax.errors import Refused
from remote_jax.remote.sample import folder as of_remote
from remote_jax.report.finished import Finished
from remote_jax.report.view import Box

LONGEST = 320
"""Pixels of the longer side."""

SAMPLES = {"remote": of_remote.place, "eega": of_eega.place}
"""Where the generated sample of a system is."""


def thumbnails(run: Finished, names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Data URLs of pictures, the first ones as far as there is room; what the page says of others.

    Nothing is written or generated: a data folder that is not there shows no pictures.

    Args:
        names: of files in the data folder. One that is missing or cannot be read has no picture.
    """
    root = _data_folder(run)
    if root is None or not root.is_dir():
        return {}, f"No picture is shown: the data folder {root or ''} is not here."
    found: dict[str, str] = {}
    room = run.room - (run.folder / "predictions.jsonl").stat().st_size
    asked = set(names)
    for name in dict.fromkeys([*(one for one in run.first if one in asked), *names]):
        url = _thumbnail(root, name) if name else ""
        room -= len(url)
        if room < 0:
            return found, ""
        if url:
            found[name] = url
    return found, ""


def _data_folder(run: Finished) -> Path | None:
    """That of the config, or of its sample."""
    data = run.results["config"].get("data", {})
    if data.get("dir"):
        return Path(data["dir"])
    if "sample" in data:
        return SAMPLES[run.system](cache_folder(data.get("cache", "")), data["sample"])
    return None


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
