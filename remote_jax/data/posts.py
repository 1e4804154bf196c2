"""User-supplied posts and queries, and their answers: what the systems share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from remote_jax.data.files import read_lines
from remote_jax.data.images import Source
from remote_jax.data.jsonl import MAX_LINE, check_text, parse
from remote_jax.data.words import MAX_WORDS, check_tokens
from remote_jax.errors import Refused, UserError

WORD = re.compile(r"https?://\S*[\w/]|@\w+|\w+|[^\w\s]")
"""Links and mentions are whole, as they are in the tokens of published posts."""

MAX_ITEMS = 100
"""Most items of a list in a post."""

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
        entities: for REMOTE, spans, or `{"start", "end", "name"}`.
        objects: boxes, left, top, right, bottom as shares of the picture's width and height, in
            [0, 1]; or `{"box", "caption"}` for REMOTE, `{"box", "class", "score"}` for EEGA.
        image: path of a picture, content of its file, a PIL image, or uint8 [height, width, 3].
        depth: path of an `.npz` file with the matrix `depth_map`, the file's content, a PIL image
            of one channel, or [height, width] of any unit, the nearest the highest.
        parse: for EEGA, `{"heads", "dependencies", "pos"}` of `tokens`; without it spaCy parses.
        id: comes back with the answer.
    """

    text: str | None = None
    tokens: Sequence[str] | None = None
    entities: Sequence[Any] | None = None
    objects: Sequence[Any] | None = None
    image: str | Source | None = None
    depth: str | Source | None = None
    parse: Mapping[str, Sequence[Any]] | None = None
    id: Id = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query for ROAM; the same keys as a line of `--mode=predict`.

    Attributes:
        relation: a name of the graph.
        head: a name of the graph, to ask for tails.
        tail: one, to ask for heads, in place of `head`.
        top: how many answers, from 1 to 100; 10 if left out.
        id: comes back with the answer.
    """

    relation: str
    head: str | None = None
    tail: str | None = None
    top: int | None = None
    id: Id = None


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


def plain(value: Any) -> Any:
    """Dataclasses as dicts and tuples as lists, throughout."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(one) for one in value] if isinstance(value, tuple) else value


def values_of(post: object) -> dict[str, Any]:
    """The keys and values of a post or query, those that it has.

    Raises:
        TypeError: it is neither a mapping nor a `Post` or `Query`.
    """
    if isinstance(post, Mapping):
        return dict(post)
    if isinstance(post, Post | Query):
        found = {field.name: getattr(post, field.name) for field in fields(post)}
        return {key: value for key, value in found.items() if value is not None}
    raise TypeError(f"A post is a dict, a Post or a Query, found {type(post).__name__}.")


def read(path: Path) -> Iterator[tuple[int, Values]]:
    """The posts of a file of JSON lines, with the numbers of their lines.

    Raises:
        UserError: the file cannot be read; a bad line is `Refused`.
    """
    if not path.is_file():
        raise UserError(f"There is no file of posts {path}.")
    for number, line in read_lines(path, MAX_LINE):
        try:
            yield number, line if isinstance(line, Refused) else parse(line)
        except Refused as error:
            yield number, error


def checked(
    posts: Iterable[Values], check: Callable[[Mapping[str, Any]], T]
) -> Iterator[tuple[Id, T | str]]:
    """The id of each post and what `check` makes of it, or the sentence of what is wrong."""
    for post in posts:
        id_, found = None, None
        try:
            if isinstance(post, Refused):
                raise post
            id_ = check_id(post.get("id"))
            found = check(post)
        except Refused as error:
            yield id_, f"{error}."
        else:
            yield id_, found


def check_id(value: object) -> Id:
    """`value` if it is a whole number or text, or nothing."""
    if value is None or type(value) is int:
        return value
    return check_text(value, "'id'")


def items(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The list under `key`; empty where there is none."""
    found = value.get(key, [])
    if not isinstance(found, list | tuple):
        raise Refused(f"{key!r} must be a list")
    if len(found) > MAX_ITEMS:
        raise Refused(f"{key!r} has {len(found):,} items, expected at most {MAX_ITEMS}")
    return found


def words(value: Mapping[str, Any]) -> tuple[tuple[str, ...], list[int], list[int]]:
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
