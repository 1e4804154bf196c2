"""Files of objects' boxes, `{picture: {"[OBJk]": box}}`, and how they write a box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from remote_jax.data.arrays import read_torch
from remote_jax.data.boxes import BOXES, check_box
from remote_jax.data.files import read_json
from remote_jax.data.release import MAX_JSON
from remote_jax.errors import Refused, UserError

FILES = ("pos_*.json",)
"""Boxes of all splits in one file."""

SPLIT_FILES = ("ent_{split}_dict.json", "ent_{split}_dict.pth")
"""A file a split, as MORE is released; the JSON goes before."""

MAX_SAMPLE = 20_000
"""Boxes that are looked at to find out how boxes are written."""


def read(path: Path) -> Mapping[str, Any]:
    """What a file says, not checked but for being a dict.

    Raises:
        UserError: it is missing, too large or malformed, or only PyTorch could read it.
    """
    if path.suffix != ".pth":
        return read_json(path, MAX_JSON)
    found = read_torch(path)
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}, expected a dict of pictures.")
    return {
        picture: {name: _plain(box) for name, box in objects.items()}
        if isinstance(objects, Mapping)
        else objects
        for picture, objects in found.items()
    }


def _plain(box: Any) -> Any:
    """A tensor as a list of numbers."""
    return box.tolist() if hasattr(box, "tolist") else box


def convention(paths: Iterable[Path], default: str) -> str:
    """Whether boxes are `corners` or `centers`: what more of them can be.

    A box by its corners seldom lies within the picture if it is read by its centre, nor has one by
    its centre often its second corner right of and below the first.

    Args:
        paths: files of boxes.
        default: where as many can be the one as the other.
    """
    fits = dict.fromkeys(BOXES, 0)
    for box in islice((box for path in paths for box in _boxes(read(path))), MAX_SAMPLE):
        for kind in BOXES:
            fits[kind] += _fits(box, kind)
    best = max(BOXES, key=fits.__getitem__)
    return default if fits[best] == fits[default] else best


def _boxes(pictures: Mapping[str, Any]) -> Iterable[object]:
    for objects in pictures.values():
        if isinstance(objects, Mapping):
            yield from objects.values()


def _fits(box: object, kind: str) -> bool:
    try:
        check_box(box, "", kind)
    except Refused:
        return False
    return True
