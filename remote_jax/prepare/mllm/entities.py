"""Candidate entities by a multimodal LLM (REMOTE, §4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from remote_jax.errors import Refused
from remote_jax.prepare.given import with_entities
from remote_jax.prepare.mentions import MAX_ENTITIES, search
from remote_jax.prepare.mllm.answers import (
    MAX_CAPTION,
    MAX_NAME,
    entry,
    listed,
    one_of,
    plain_text,
)
from remote_jax.prepare.mllm.boxes import Size
from remote_jax.prepare.mllm.chat import Settings
from remote_jax.prepare.mllm.schemas import list_schema
from remote_jax.prepare.post import Candidate, Entity, PreparedPost
from remote_jax.prepare.step import Found


class Entities:
    """Which entities a post names, of which type, and what they are.

    A candidate whose name stands in the text is an entity there. One that the text does not have is
    none, but `mentions.mixed_text` shows all of them to a tagger.
    """

    name = "entities"

    def __init__(self, settings: Settings):
        self._types = settings.types
        properties = {
            "name": {"type": "string"},
            "type": {"type": "string", "enum": list(settings.types)},
            "description": {"type": "string"},
        }
        self.schema: Mapping[str, Any] = list_schema("entities", properties)

    def asks(self, post: PreparedPost) -> bool:
        return True

    def values(self, post: PreparedPost, size: Size) -> dict[str, Any]:
        return {"text": post.text}

    def expected(self, post: PreparedPost, size: Size) -> dict[str, Any] | None:
        return {
            "entities": [
                {"name": one.name, "type": one.type, "description": one.caption}
                for one in post.entities
                if one.type in self._types
            ]
        }

    def read(self, post: PreparedPost, answer: Mapping[str, Any], size: Size) -> Found:
        candidates: dict[str, Candidate] = {}
        refused: list[str] = []
        for place, item in enumerate(listed(answer, "entities")):
            try:
                one = self._candidate(entry(item, f"entity {place}"), f"entity {place}", refused)
                candidates.setdefault(one.name.casefold(), one)
            except Refused as error:
                refused.append(str(error))
        named = list(candidates.values())[:MAX_ENTITIES]
        entities = (
            Entity(*span, post.text[slice(*span)], one.type, one.description)
            for one in named
            if (span := search(one.name, post.text))
        )
        found = with_entities(replace(post, candidates=tuple(named)), entities)
        return Found(found.post, found.count, (*refused, *found.refused))

    def _candidate(self, item: Mapping[str, Any], what: str, refused: list[str]) -> Candidate:
        """A candidate; a description that cannot be used is left out of it."""
        name = plain_text(item.get("name"), f"the name of {what}", MAX_NAME)
        kind = one_of(item.get("type"), f"the type of {what}", self._types)
        description = ""
        if item.get("description"):
            try:
                told = f"the description of {what}"
                description = plain_text(item["description"], told, MAX_CAPTION)
            except Refused as error:
                refused.append(str(error))
        return Candidate(name, kind, description)
