"""The posts of a folder that is labelled: `posts.jsonl`, with pictures beside it.

A line has the keys of a post (`remote_jax.data.posts`). A post without an `id` is called by the
number of its line. Everything in it is untrusted.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote_jax.annotate.ends import Entity, Layer, Object, check_entity, check_object
from remote_jax.data import posts as lines
from remote_jax.data.files import find
from remote_jax.data.jsonl import check_text, show
from remote_jax.data.posts import OBJECT_KEYS, POST_KEYS, check_id, check_keys, items
from remote_jax.data.words import check_span, word_places
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import tracked

FILE = "posts.jsonl"
LANGUAGE = "en"
"""Rules by which a `text` is cut into words; posts of other languages give `tokens`."""
ENTITY_KEYS = ("start", "end", "name", "type")


@dataclass(frozen=True)
class Post:
    """A post that is labelled.

    Attributes:
        id: unique in the folder.
        text: the sentence; of a post with `tokens`, these joined by blanks.
        starts, ends: of its words, in characters of the text.
        image, depth: files in the folder; "" without.
        base: the entities and objects that it comes with.
    """

    id: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    image: str = ""
    depth: str = ""
    base: Layer = field(default_factory=Layer)

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the text."""
        return tuple(self.text[a:b] for a, b in zip(self.starts, self.ends, strict=True))

    def in_words(self, span: tuple[int, int]) -> tuple[int, int]:
        """A span of characters as [start, end) in words."""
        return bisect_right(self.ends, span[0]), bisect_left(self.starts, span[1])

    def in_characters(self, span: tuple[int, int]) -> tuple[int, int]:
        """A span of words as [start, end) in characters."""
        return self.starts[span[0]], self.ends[span[1] - 1]

    def name(self, entity: Entity) -> str:
        """The words of an entity."""
        return self.text[slice(*entity.span)]

    @property
    def digest(self) -> str:
        """Of what labels refer to: the text, and the entities and objects that come with it."""
        base = {item: end.to_dict() for item, end in self.base.ends.items()}
        content = json.dumps([self.text, base], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def read_posts(folder: Path) -> tuple[Post, ...]:
    """The posts of a folder, in the order of their lines.

    Raises:
        UserError: there are none, or one is malformed; the line is named.
    """
    path = folder / FILE
    total = lines.count(path)
    found: dict[str, Post] = {}
    for number, value in tracked(lines.read(path), f"reading {FILE}", "posts", total):
        try:
            if isinstance(value, Refused):
                raise value
            post = check_post(value, number, folder)
            if post.id in found:
                raise Refused(f"the id {show(post.id)} is that of an earlier post")
        except Refused as error:
            raise UserError(f"{path}, line {number}: {error}.") from error
        found[post.id] = post
    return tuple(found.values())


def check_post(value: Mapping[str, Any], number: int, folder: Path) -> Post:
    """The post of a line.

    Raises:
        Refused: it is malformed, or names a picture that is not in the folder.
    """
    check_keys(value, POST_KEYS, "a post")
    words, starts, ends = lines.words(value, LANGUAGE)
    text = value.get("text", "")
    if not text:
        text = " ".join(words)
        starts, ends = map(list, zip(*word_places(words), strict=True))
    found: dict[str, Entity | Object] = {}
    for place, item in enumerate(items(value, "entities")):
        span, rest = _span(item, f"entity {place}", len(words) if "tokens" in value else len(text))
        if "tokens" in value:
            span = (starts[span[0]], ends[span[1] - 1])
        found[f"e{place}"] = check_entity({"span": span, **rest}, f"entity {place}", starts, ends)
    for place, item in enumerate(items(value, "objects")):
        what, given = f"object {place}", item if isinstance(item, Mapping) else {"box": item}
        check_keys(given, OBJECT_KEYS, what)
        found[f"o{place}"] = check_object(given, what)
    image, depth = (_beside(value, key, folder) for key in ("image", "depth"))
    if not image and any(isinstance(end, Object) for end in found.values()):
        raise Refused("the post has 'objects', but no 'image' that shows them")
    return Post(
        _name(value, number), text, tuple(starts), tuple(ends), image, depth, Layer(ends=found)
    )


def _span(item: object, what: str, length: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """The span of an entity in the unit of the post, and its type."""
    if not isinstance(item, Mapping):
        return check_span(item, what, length), {}
    check_keys(item, ENTITY_KEYS, what)
    return check_span([item.get("start"), item.get("end")], what, length), {
        "type": item.get("type")
    }


def _name(value: Mapping[str, Any], number: int) -> str:
    """The id of a post, or that of its place, as `extract` calls it; it has to be printable."""
    given = check_id(value.get("id"))
    name = f"{FILE}:{number}" if given is None else str(given)
    if not name.isprintable():
        raise Refused(f"'id' has a character that cannot be printed: {show(name)}")
    return name


def _beside(value: Mapping[str, Any], key: str, folder: Path) -> str:
    """The file that a post names under a key; "" if it names none."""
    if value.get(key) is None:
        return ""
    name = check_text(value[key], repr(key))
    if find(folder, name) is None:
        raise Refused(f"there is no file {show(name)} beside {FILE}")
    return name
