"""User-supplied posts and queries, and their answers: what the systems share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from remote_jax.data.files import count_lines, read_lines
from remote_jax.data.images import Source
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.data.media import READ
from remote_jax.data.words import check_tokens, split_words
from remote_jax.errors import Refused, UserError, nearest

MAX_ITEMS = 100
"""Most items of a list in a post."""

NESTED = 4
"""Depth of a post: a number in a box in an object in a list."""

EXAMPLE = '{"text": "..."} or {"head": "...", "relation": "..."}'
"""What a line of posts, or of queries, may be."""

ENDS = 2**10
"""Bytes of both ends of a file by which its layout is told."""

Id = str | int | None
Values = Mapping[str, Any] | Refused
"""The keys and values of a post; or why it has none."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Post:
    """A post for REMOTE and EEGA; the same keys as a line of `--mode=predict`.

    Attributes:
        text: the sentence; then spans are [start, end) in characters.
        tokens: its words, in place of `text`; then spans are in words.
        entities: for REMOTE, spans, or `{"start", "end", "name", "type"}`.
        objects: boxes, left, top, right, bottom as shares of the picture's width and height, in
            [0, 1]; or `{"box", "caption", "type"}` for REMOTE, `{"box", "class", "score"}` for
            EEGA.
        image: path of a picture, content of its file, a PIL image, or uint8 [height, width, 3].
        depth: path of an `.npz` file with the matrix `depth_map`, the file's content, a PIL image
            of one channel, or [height, width] of any unit, the nearest the highest.
        parse: for EEGA, `{"heads", "dependencies", "pos"}` of `tokens`; without it spaCy parses.
        id: comes back with the answer.
        date: when it was posted, as ISO 8601 writes it (`check_date`); no model reads it.
    """

    text: str | None = None
    tokens: Sequence[str] | None = None
    entities: Sequence[Any] | None = None
    objects: Sequence[Any] | None = None
    image: str | Source | None = None
    depth: str | Source | None = None
    parse: Mapping[str, Sequence[Any]] | None = None
    id: Id = None
    date: str | None = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query for ROAM; the same keys as a line of `--mode=predict`.

    Two of `head`, `relation` and `tail` ask for the third; all three ask for the score and the rank
    of that triple.

    Attributes:
        relation: a name of the graph; a whole number stands for the name that is written so.
        head: one, likewise.
        tail: one, likewise.
        top: how many answers, from 1 to 10,000; 10 if left out. Not for a triple.
        known: False leaves out the answers that the graph has. Not for a triple.
        routing: True tells the shares of the expert groups and the weights of the modalities. Not
            without a relation.
        id: comes back with the answer.
    """

    relation: str | int | None = None
    head: str | int | None = None
    tail: str | int | None = None
    top: int | None = None
    known: bool | None = None
    routing: bool | None = None
    id: Id = None


POST_KEYS = tuple(field.name for field in fields(Post))
OBJECT_KEYS = ("box", "caption", "type", "class", "score")
"""Posts go to either system, so each takes the keys of the other and leaves them unread."""
QUERY_KEYS = tuple(field.name for field in fields(Query))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is found in a post, or on a query; each system has its own.

    Attributes:
        id: of the post.
        error: a sentence that says why there is no answer; None where there is one.
    """

    id: Id = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """What a line of `--mode=predict` has, but for `line`: the values of JSON."""
        start = {} if self.id is None else {"id": self.id}
        return {**start, **(self._found() if self.error is None else {"error": self.error})}

    def _found(self) -> dict[str, Any]:
        """What `to_dict` has where there is no error."""
        raise NotImplementedError


def check_date(value: object) -> str:
    """A date of a post in the one form that compares as text: `2026-03-01`, or with a time in UTC.

    Raises:
        Refused: it is not as ISO 8601 writes it.
    """
    text = check_text(value, "'date'")
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            found = found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(
            f"'date' must be as 2026-03-01 or 2026-03-01T12:30:00+02:00, found {show(text)}"
        ) from error
    return found.isoformat() if "T" in text or " " in text else found.date().isoformat()


def plain(value: Any) -> Any:
    """Dataclasses as dicts and tuples as lists, throughout."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def values_of(post: object) -> dict[str, Any]:
    """The keys and values of a post or query, those that it has; NumPy's values as Python's.

    Pictures and depth maps stay as they are.

    Raises:
        TypeError: it is neither a mapping nor a `Post` or `Query`.
    """
    if isinstance(post, Mapping):
        found = dict(post)
    elif isinstance(post, Post | Query):
        named = {field.name: getattr(post, field.name) for field in fields(post)}
        found = {key: value for key, value in named.items() if value is not None}
    else:
        raise TypeError(f"A post is a dict, a Post or a Query, found {type(post).__name__}.")
    return {key: value if key in READ else _builtin(value) for key, value in found.items()}


def _builtin(value: Any, depth: int = NESTED) -> Any:
    """NumPy's numbers and arrays as Python's, also inside of lists and dicts."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if depth and isinstance(value, list | tuple):
        return [_builtin(one, depth - 1) for one in value]
    if depth and isinstance(value, Mapping):
        return {key: _builtin(one, depth - 1) for key, one in value.items()}
    return value


def count(path: Path) -> int:
    """How many posts a file of JSON lines has, good and bad.

    Raises:
        UserError: there is no such file, it cannot be read, there is no post in it, or it is JSON
            of another layout.
    """
    _check_file(path)
    found = count_lines(path, MAX_LINE)
    if not found:
        raise UserError(f"{path} has no posts: write one a line, as {EXAMPLE}.")
    start, end = _ends(path)
    what = ""
    if start.startswith(b"[") and end.endswith(b"]"):
        what, way = "a JSON array", "jq -c '.[]'"
    elif (start, end) == (b"{", b"}"):
        what, way = "JSON over several lines", "jq -c ."
    if what:
        raise UserError(
            f"{path} is {what}, expected JSON lines: write each post on a line of its own "
            f"({way} {shlex.quote(str(path))} > posts.jsonl)."
        )
    return found


def _check_file(path: Path) -> None:
    """Raises a UserError unless this is a file, and no pipe that would be waited for."""
    if not os.path.isfile(path):
        raise UserError(f"There is no file of posts {path}.")


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last line that are not blank, as far as they are in the file's ends."""
    with path.open("rb") as file:
        start = file.read(ENDS).removeprefix(b"\xef\xbb\xbf").strip()
        file.seek(max(0, os.fstat(file.fileno()).st_size - ENDS))
        end = file.read(ENDS).strip()
    return start.partition(b"\n")[0].strip(), end.rpartition(b"\n")[2].strip()


def read(path: Path, *, after: int = 0) -> Iterator[tuple[int, Values]]:
    """The posts of a file of JSON lines, with the numbers of their lines.

    Args:
        after: the line after which to begin.

    Raises:
        UserError: the file cannot be read; a bad line is `Refused`.
    """
    _check_file(path)
    for number, line in read_lines(path, MAX_LINE):
        if number <= after:
            continue
        try:
            yield number, line if isinstance(line, Refused) else parse(line)
        except Refused as error:
            yield number, error


def checked(
    posts: Iterable[Values], check: Callable[[Mapping[str, Any]], T], keys: Collection[str]
) -> Iterator[tuple[Id, T | str]]:
    """The id of each post and what `check` makes of it, or the sentence of what is wrong.

    Args:
        keys: those that a post may have; one with another is wrong.
    """
    for post in posts:
        id_, found = None, None
        try:
            if isinstance(post, Refused):
                raise post
            id_ = check_id(post.get("id"))
            check_keys(post, keys, "a query" if keys == QUERY_KEYS else "a post")
            found = check(post)
        except Refused as error:
            yield id_, f"{error}."
        else:
            yield id_, found


def check_keys(value: Mapping[Any, Any], known: Collection[str], what: str) -> None:
    """Raises `Refused` for a key of `value` that is not known, with the one that it is like."""
    for key in value:
        if key not in known:
            hint = nearest(key, known) if isinstance(key, str) else ""
            raise Refused(f"{show(key)} is none of the keys of {what}{hint}: {', '.join(known)}")


def check_id(value: object) -> Id:
    """`value` if it is a whole number or text, or nothing."""
    if value is None or type(value) is int:
        return value
    if not isinstance(value, str):
        raise Refused(f"'id' must be text or a whole number, found {show(value)}")
    return check_text(value, "'id'")


def text_of(item: Mapping[str, Any], key: str, what: str) -> str:
    """The text under a key of an entity or object; "" where it is absent, null or empty.

    Args:
        what: names the item in the error.

    Raises:
        Refused: it is no text.
    """
    found = item.get(key)
    return "" if found is None or found == "" else check_text(found, f"the {key} of {what}")


def items(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The list under `key`; empty where it is absent or null."""
    found = () if value.get(key) is None else value[key]
    if not isinstance(found, list | tuple):
        raise Refused(f"{key!r} must be a list")
    if len(found) > MAX_ITEMS:
        raise Refused(f"{key!r} has {len(found):,} items, expected at most {MAX_ITEMS}")
    return found


def words(value: Mapping[str, Any], language: str) -> tuple[tuple[str, ...], list[int], list[int]]:
    """Words, and where each starts and ends in the unit of the post's spans.

    That is characters of its `text`, or words of its `tokens`.

    Args:
        value: the post.
        language: of `text`, as in `data.language`.
    """
    if ("text" in value) == ("tokens" in value):
        raise Refused("a post needs either 'text' or 'tokens'")
    if "tokens" in value:
        found = check_tokens(value["tokens"], "'tokens'")
        return found, list(range(len(found))), list(range(1, len(found) + 1))
    return split_words(check_text(value["text"], "'text'"), "'text'", language)
