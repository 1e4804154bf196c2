"""One line of an annotation file (the released ones are Python literals), checked:

    {'token': [...], 'h': {'name': ..., 'pos': ...}, 't': {...}, 'img_id': ..., 'relation': ...}

where `pos` is `[start, end)` in tokens for an entity of the text, and a box for an object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from remote_jax.data.boxes import check_box
from remote_jax.data.images import Box
from remote_jax.data.jsonl import check_text
from remote_jax.data.words import check_span, check_tokens
from remote_jax.errors import Refused


@dataclass(frozen=True)
class RowArgument:
    """The head or the tail of a pair: an entity has a span of words, an object has a box."""

    name: str
    span: tuple[int, int] | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Row:
    """A checked line."""

    tokens: tuple[str, ...]
    head: RowArgument
    tail: RowArgument
    image: str
    relation: str


def check_row(value: dict[str, Any], boxes: str = "corners") -> Row:
    """Checks keys, types, spans and boxes.

    Args:
        value: what `parse` gave.
        boxes: what the four numbers of a box are, one of `BOXES` (see `check_box`).

    Raises:
        Refused: something is missing or wrong.
    """
    missing = [key for key in ("token", "h", "t", "img_id", "relation") if key not in value]
    if missing:
        raise Refused(f"the key {missing[0]!r} is missing")
    tokens = check_tokens(value["token"], "token")
    return Row(
        tokens,
        _check_argument(value["h"], "h", tokens, boxes),
        _check_argument(value["t"], "t", tokens, boxes),
        check_text(value["img_id"], "img_id"),
        check_text(value["relation"], "relation"),
    )


def _check_argument(value: object, key: str, tokens: Sequence[str], boxes: str) -> RowArgument:
    if not isinstance(value, dict) or "name" not in value or "pos" not in value:
        raise Refused(f"{key!r} must be a dict with 'name' and 'pos'")
    name = value["name"]
    if isinstance(name, list | tuple):
        name = " ".join(check_tokens(name, f"the name of {key!r}"))
    name = check_text(name, f"the name of {key!r}")
    position = value["pos"]
    if isinstance(position, list | tuple) and len(position) == 4:
        return RowArgument(name, box=check_box(position, f"the box of {key!r}", boxes))
    return RowArgument(name, span=check_span(position, f"the span of {key!r}", len(tokens)))
