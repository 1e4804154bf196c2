"""The pairs of a split in one file beside its records, for what reads every one of them.

A record takes a millisecond to read, whatever it holds; a file of all pairs of MNRE takes 0.5 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from remote_jax.remote.data.pairs import Argument, Pair

Packed = tuple[Any, ...]


class Listing:
    """Gathers the pairs of a split, each post once."""

    def __init__(self) -> None:
        self._posts: dict[Packed, int] = {}
        self._rows: list[Packed] = []

    def add(self, pair: Pair) -> None:
        """The next pair."""
        post = (
            *(pair.tokens, pair.img_id, pair.image, pair.depth),
            *(pair.objects, pair.captions, pair.boxes.tobytes()),
        )
        number = self._posts.setdefault(post, len(self._posts))
        ends = tuple((x.name, x.span, x.object, x.caption) for x in (pair.head, pair.tail))
        self._rows.append((number, *ends, pair.label, pair.file, pair.line))

    def write(self, path: Path) -> None:
        """Writes the file."""
        path.write_bytes(msgpack.packb([list(self._posts), self._rows]))


def read(path: Path) -> list[Pair]:
    """The pairs, in the order of their rows."""
    posts, rows = msgpack.unpackb(path.read_bytes(), use_list=False)
    told = [_post(*post) for post in posts]
    return [
        Pair(
            **told[number],
            head=_argument(*head),
            tail=_argument(*tail),
            label=label,
            file=file,
            line=line,
            row=row,
        )
        for row, (number, head, tail, label, file, line) in enumerate(rows)
    ]


def _post(
    tokens: tuple[str, ...],
    img_id: str,
    image: str,
    depth: str,
    objects: tuple[str, ...],
    captions: tuple[str, ...],
    boxes: bytes,
) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "img_id": img_id,
        "image": image,
        "depth": depth,
        "objects": objects,
        "captions": captions,
        "boxes": np.frombuffer(boxes, np.float32).reshape(-1, 4),
    }


def _argument(name: str, span: Sequence[int] | None, number: int, caption: str) -> Argument:
    return Argument(name, None if span is None else (span[0], span[1]), number, caption)
