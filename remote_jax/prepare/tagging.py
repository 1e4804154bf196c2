"""Entities by a tagger: spaCy, a token classifier, or EEGA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from remote_jax.data.jsonl import show
from remote_jax.prepare.given import with_entities
from remote_jax.prepare.mentions import Span, mixed_text, type_of
from remote_jax.prepare.post import Entity, PreparedPost
from remote_jax.prepare.step import Found, Unparsed


class Tagger(Protocol):
    """Finds entities in a text.

    Attributes:
        version: of the model; values of JSON.
        sees: whether it looks at the picture.
    """

    version: Mapping[str, Any]
    sees: bool

    def tag(self, text: str, post: PreparedPost) -> list[Span]:
        """Entities in a text, which may be longer than that of the post; from several threads."""


class TagStep:
    """A `Step` that adds the entities that a tagger finds to those that a post came with."""

    name = "entities"

    def __init__(self, tagger: Tagger, types: Sequence[str]):
        """Loads nothing.

        Args:
            types: of entities; what has another is refused.
        """
        self._tagger, self._types = tagger, types
        self.version: Mapping[str, Any] = {**tagger.version, "types": list(types)}

    def reads(self, post: PreparedPost) -> Sequence[Any] | None:
        picture = post.picture.digest if self._tagger.sees and post.picture else None
        return [mixed_text(post.text, post.candidates), len(post.text), picture]

    def ask(self, post: PreparedPost) -> Mapping[str, Any]:
        mixed = mixed_text(post.text, post.candidates)
        return {"spans": [list(span) for span in self._tagger.tag(mixed, post)]}

    def add(self, post: PreparedPost, answer: Mapping[str, Any]) -> Found:
        spans = answer.get("spans")
        if not isinstance(spans, list):
            raise Unparsed(f"the tagger's answer is {show(answer)}")
        known = {one.name.casefold(): one.description for one in post.candidates}
        entities, refused = [], []
        for start, end, label in spans:
            kind = type_of(label, self._types)
            if end > len(post.text):  # of a candidate behind the text
                continue
            if kind is None:
                refused.append(
                    f"{post.text[start:end][:40]!r} is {label[:40]!r}, none of the types"
                )
                continue
            name = post.text[start:end]
            entities.append(Entity(start, end, name, kind, known.get(name.casefold(), "")))
        found = with_entities(post, entities)
        return Found(found.post, found.count, (*refused, *found.refused))
