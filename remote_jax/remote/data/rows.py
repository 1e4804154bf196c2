"""One line of an annotation file (the released ones are Python literals), checked:

    {'token': [...], 'h': {'name': ..., 'pos': ...}, 't': {...}, 'img_id': ..., 'relation': ...}

where `pos` is `[start, end)` in tokens for an entity of the text, and a box for an object. A row
without `img_id` has no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from remote_jax.data.boxes import check_box
from remote_jax.data.images import Box
from remote_jax.data.jsonl import check_text, show
from remote_jax.data.words import check_span, check_tokens, squash
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
    """Name of the picture; "" where the row has none."""
    relation: str

    @property
    def contradiction(self) -> str:
        """How a name differs from the words of its span, blanks and case aside; "" if none does."""
        for key, argument in (("h", self.head), ("t", self.tail)):
            if argument.span and not _covers(self.tokens, *argument.span, argument.name):
                start, end = argument.span
                words = " ".join(self.tokens[start:end])
                return (
                    f"the name of {key!r} is {show(argument.name)}, but its span [{start}, {end}) "
                    f"covers {show(words)}{_remedy(self.tokens, start, end, argument.name)}"
                )
        return ""


def check_row(value: dict[str, Any], boxes: str = "corners") -> Row:
    """Checks keys, types, spans and boxes.

    Args:
        value: what `parse` gave.
        boxes: what the four numbers of a box are, one of `BOXES` (see `check_box`).

    Raises:
        Refused: something is missing or wrong.
    """
    missing = [key for key in ("token", "h", "t", "relation") if key not in value]
    if missing:
        raise Refused(f"the key {missing[0]!r} is missing")
    tokens = check_tokens(value["token"], "token")
    return Row(
        tokens,
        _check_argument(value["h"], "h", tokens, boxes),
        _check_argument(value["t"], "t", tokens, boxes),
        _check_picture(value.get("img_id")),
        check_text(value["relation"], "relation"),
    )


def _check_picture(value: object) -> str:
    """The name of a picture, which may be a whole number, or missing, null or empty: no picture."""
    if value is None or value == "":
        return ""
    return str(value) if type(value) is int else check_text(value, "img_id")


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
    try:
        return RowArgument(name, span=check_span(position, f"the span of {key!r}", len(tokens)))
    except Refused as error:
        if not isinstance(position, list | tuple) or [type(x) for x in position] != [int, int]:
            raise
        start, end = position
        raise Refused(f"{error}{_remedy(tokens, start, end, name)}") from error


def _covers(tokens: Sequence[str], start: int, end: int, name: str) -> bool:
    """Whether the words [start, end) are `name`, blanks and case aside."""
    return 0 <= start < end <= len(tokens) and squash("".join(tokens[start:end])) == squash(name)


def _remedy(tokens: Sequence[str], start: int, end: int, name: str) -> str:
    """What a span that is not that of `name` means, where another way to count explains it."""
    for first, last, what in (
        (start, end + 1, "the end is exclusive"),
        (start - 1, end - 1, "words are counted from 0"),
        (start - 1, end, "words are counted from 0 and the end is exclusive"),
    ):
        if _covers(tokens, first, last, name):
            return f": {what}, expected [{first}, {last})"
    if start >= 0 and name and " ".join(tokens)[start:end] == name:
        return ": these are places of characters, expected those of words"
    return ""
