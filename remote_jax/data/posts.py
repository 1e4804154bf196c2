"""What the lines of a file of posts have in common, whatever is asked about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from remote_jax.data.files import find
from remote_jax.data.jsonl import check_text
from remote_jax.data.words import MAX_WORDS, check_tokens
from remote_jax.errors import Refused

WORD = re.compile(r"https?://\S*[\w/]|@\w+|\w+|[^\w\s]")
"""Links and mentions are whole, as they are in the tokens of published posts."""

MAX_ITEMS = 100
"""Most items of a list in a post."""


def check_id(value: object) -> str | int | None:
    """`value` if it is a whole number or text, or nothing."""
    if value is None or type(value) is int:
        return value
    return check_text(value, "'id'")


def items(value: dict[str, Any], key: str) -> Sequence[Any]:
    """The list under `key`; empty where there is none."""
    found = value.get(key, [])
    if not isinstance(found, list | tuple):
        raise Refused(f"{key!r} must be a list")
    if len(found) > MAX_ITEMS:
        raise Refused(f"{key!r} has {len(found):,} items, expected at most {MAX_ITEMS}")
    return found


def words(value: dict[str, Any]) -> tuple[tuple[str, ...], list[int], list[int]]:
    """Words, and where each starts and ends in the unit of the post's spans.

    That is characters of its `text`, or words of its `tokens`.
    """
    if ("text" in value) == ("tokens" in value):
        raise Refused("a post needs either 'text' or 'tokens'")
    if "tokens" in value:
        found = check_tokens(value["tokens"], "'tokens'")
        return found, list(range(len(found))), list(range(1, len(found) + 1))
    matches = list(WORD.finditer(check_text(value["text"], "'text'")))
    if not 0 < len(matches) <= MAX_WORDS:
        raise Refused(f"'text' has {len(matches):,} words, expected 1 to {MAX_WORDS:,}")
    return tuple(m[0] for m in matches), [m.start() for m in matches], [m.end() for m in matches]


class PostMedia:
    """Files beside a file of posts, each read once to see that it can be."""

    def __init__(self, path: Path):
        self._path = path
        self._found: dict[tuple[str, str], str] = {}

    def find(self, value: dict[str, Any], key: str, read: Callable[[Path], Any]) -> str:
        """The file that `key` names, relative to the folder; "" if it names none.

        Raises:
            Refused: there is no such file in the folder, or `read` refuses it.
        """
        if value.get(key) is None:
            return ""
        name = check_text(value[key], repr(key))
        if (key, name) not in self._found:
            folder = self._path.parent
            path = find(folder, name)
            if path is None:
                raise Refused(f"there is no file {name!r} beside {self._path.name}")
            read(path)
            self._found[key, name] = path.relative_to(folder.resolve()).as_posix()
        return self._found[key, name]
