"""A post, its picture, and what the steps have found in them."""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from PIL import Image

from remote_jax.data.boxes import check_box
from remote_jax.data.files import find, read_bytes
from remote_jax.data.images import MAX_BYTES, Box, picture_size, read_depth, read_picture
from remote_jax.data.jsonl import check_text, show
from remote_jax.data.posts import (
    OBJECT_KEYS,
    POST_KEYS,
    Id,
    check_date,
    check_id,
    check_keys,
    items,
    text_of,
)
from remote_jax.data.words import check_span, check_tokens, word_places
from remote_jax.errors import Refused

MAX_SIDE = 2048
"""Longest side, in pixels, at which the steps see a picture."""

MAX_OBJECTS = 12
"""Most objects that a step finds in a picture: i in [0, 12] (REMOTE, §5.1.1)."""

NAME = 24
"""Letters of the name that a post's files have."""

PREDICATES = (
    *("above", "across", "against", "along", "attached to", "behind", "belonging to", "between"),
    *("carrying", "covered in", "covering", "eating", "flying in", "growing on", "hanging from"),
    *("holding", "in", "in front of", "looking at", "lying on", "mounted on", "near", "on"),
    *("painted on", "parked on", "part of", "playing", "riding", "sitting on", "standing on"),
    *("under", "using", "walking on", "watching", "wearing"),
)
"""Those of the 50 predicates that scene graphs are usually made of (Visual Genome, as split by
Xu et al., Scene Graph Generation by Iterative Message Passing, 2017) that say how two objects stand
to each other."""

ENTITY_KEYS = ("start", "end", "name", "type", "caption")

DECODING = threading.Lock()
"""One picture is decoded at a time: a large one takes 150 MB before it is scaled down."""


@dataclass(frozen=True)
class Entity:
    """An entity: its [start, end) in characters of the text, those characters, and its type.

    Attributes:
        type: "" where it is not known.
        caption: what is known of it, "" if nothing.
        given: its row, where the post came with it.
    """

    start: int
    end: int
    name: str
    type: str = ""
    caption: str = ""
    given: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class ObjectInPicture:
    """An object: its box in shares of the picture's sides.

    Attributes:
        caption, type: "" where there is none.
        label: of a detector, one of those it was asked for.
        score: of a detector.
        given: its row without empty values, where the post came with it.
    """

    box: Box
    caption: str = ""
    type: str = ""
    label: str = ""
    score: float | None = None
    given: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class RelationInPicture:
    """What the picture shows of two objects, by their places: head, relation, tail."""

    head: int
    relation: str
    tail: int


@dataclass(frozen=True)
class Candidate:
    """An entity that a multimodal LLM names, in the text or not (REMOTE, §4.1)."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Picture:
    """A picture as a file has it; nothing is decoded before it is asked for.

    Attributes:
        name: as the post names it.
        content: of the file.
    """

    name: str
    content: bytes = field(repr=False)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in the file, in pixels; the pixels are not decoded.

        Raises:
            Refused: as `image`.
        """
        return picture_size(self.content)

    @cached_property
    def image(self) -> Image.Image:
        """The picture in RGB, its longest side at most `MAX_SIDE`.

        Raises:
            Refused: it is none, or too large.
        """
        with DECODING:
            image = read_picture(self.content)
            image.thumbnail((MAX_SIDE, MAX_SIDE))
            return image


@dataclass(frozen=True)
class PreparedPost:
    """A post and what was found in it so far.

    Attributes:
        line: of the file of posts.
        text: the sentence; words joined by blanks where the post has `tokens`.
        tokens: the words, where the post has these.
        kept: other values of the post, which are copied: `id`, `date` and `parse`.
        picture: None without one.
        candidates: entities that a multimodal LLM proposes; a tagger may read them.
        relations: between objects, the clearest first; None where nobody was asked.
        caption: of the whole picture.
        given_depth: content of the depth map that the post came with; then none is made.
        depth: whether a depth map was made.
    """

    line: int
    text: str
    tokens: tuple[str, ...] | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    picture: Picture | None = None
    entities: tuple[Entity, ...] = ()
    objects: tuple[ObjectInPicture, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    relations: tuple[RelationInPicture, ...] | None = None
    caption: str = ""
    given_depth: bytes | None = field(default=None, repr=False)
    depth: bool = False

    @property
    def id(self) -> Id:
        return self.kept.get("id")

    @cached_property
    def name(self) -> str:
        """Of the post's picture and depth map: of what is in it, never what somebody wrote."""
        picture = self.picture.digest if self.picture else None
        content: list[Any] = [self.id, self.text, picture]
        if self.given_depth is not None:  # else a map that is made could replace it
            content.append(hashlib.sha256(self.given_depth).hexdigest())
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:NAME]


def read_post(line: int, values: Mapping[str, Any], folder: Path) -> PreparedPost:
    """A post of a file, checked; its picture is read but not decoded.

    Args:
        line: its number.
        values: the keys of a post, as `docs/your-data.md` lists them.
        folder: of the file, where pictures are.

    Raises:
        Refused: something in it is wrong.
    """
    check_keys(values, POST_KEYS, "a post")
    check_id(values.get("id"))
    if values.get("date") is not None:
        check_date(values["date"])
    if ("text" in values) == ("tokens" in values):
        raise Refused("a post needs either 'text' or 'tokens'")
    tokens = check_tokens(values["tokens"], "'tokens'") if "tokens" in values else None
    text = " ".join(tokens) if tokens else check_text(values["text"], "'text'")
    ends = word_places(tokens) if tokens else None
    return PreparedPost(
        line,
        text,
        tokens,
        {key: values[key] for key in ("id", "date", "parse") if values.get(key) is not None},
        _picture(values, folder),
        tuple(_entity(one, i, text, ends) for i, one in enumerate(items(values, "entities"))),
        tuple(_object(one, i) for i, one in enumerate(items(values, "objects"))),
        given_depth=_depth(values, folder),
    )


def _picture(values: Mapping[str, Any], folder: Path) -> Picture | None:
    if values.get("image") is None:
        return None
    name = check_text(values["image"], "'image'")
    return Picture(name, _content(folder, name))


def _depth(values: Mapping[str, Any], folder: Path) -> bytes | None:
    if values.get("depth") is None:
        return None
    content = _content(folder, check_text(values["depth"], "'depth'"))
    read_depth(content)
    return content


def _content(folder: Path, name: str) -> bytes:
    path = find(folder, name)
    if path is None:
        raise Refused(f"there is no file {name!r} beside the file of posts")
    return read_bytes(path, MAX_BYTES)


def _entity(item: object, index: int, text: str, ends: list[tuple[int, int]] | None) -> Entity:
    what, texts = f"entity {index}", {}
    span: object = item
    if isinstance(item, Mapping):
        check_keys(item, ENTITY_KEYS, what)
        span = [item.get("start"), item.get("end")]
        texts = _texts(item, what, ("caption", "type", "name"))
    start, end = check_span(span, what, len(ends) if ends else len(text))
    given = {"start": start, "end": end, **texts}
    if ends:
        start, end = ends[start][0], ends[end - 1][1]
    known = {key: texts[key] for key in ("caption", "type") if key in texts}
    return Entity(start, end, text[start:end], **known, given=given)


def _object(item: object, index: int) -> ObjectInPicture:
    what = f"object {index}"
    if not isinstance(item, Mapping):
        return ObjectInPicture(check_box(item, what), given={"box": item})
    check_keys(item, OBJECT_KEYS, what)
    texts = _texts(item, what, ("caption", "type"))
    label = _texts(item, what, ("class",)).get("class", "")
    score = item.get("score")
    if score is not None and (type(score) not in (int, float) or not math.isfinite(score)):
        raise Refused(f"the score of {what} must be a finite number, found {show(score)}")
    box = check_box(item.get("box"), f"the box of {what}")
    given = {key: value for key, value in item.items() if value not in (None, "")}
    return ObjectInPicture(box, **texts, label=label, score=score, given=given)


def _texts(item: Mapping[str, Any], what: str, keys: Sequence[str]) -> dict[str, str]:
    """Those of the keys that are there, checked."""
    return {key: text for key in keys if (text := text_of(item, key, what))}
