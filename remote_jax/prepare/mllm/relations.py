"""Relations between the objects of a picture, for scene graphs, by a multimodal LLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from remote_jax.data.jsonl import show
from remote_jax.errors import Refused
from remote_jax.prepare.mllm.answers import entry, listed, one_of
from remote_jax.prepare.mllm.boxes import Size, describe, from_shares
from remote_jax.prepare.mllm.chat import Settings
from remote_jax.prepare.mllm.schemas import list_schema
from remote_jax.prepare.post import PREDICATES, PreparedPost, RelationInPicture
from remote_jax.prepare.step import Found


class Relations:
    """Which two objects of the picture stand in which relation of `PREDICATES`."""

    name = "relations"

    def __init__(self, settings: Settings):
        self._unit = settings.boxes
        properties = {
            "head": {"type": "integer"},
            "relation": {"type": "string", "enum": list(PREDICATES)},
            "tail": {"type": "integer"},
        }
        self.schema: Mapping[str, Any] = list_schema("relations", properties)

    def asks(self, post: PreparedPost) -> bool:
        return post.picture is not None and len(post.objects) > 1

    def values(self, post: PreparedPost, size: Size) -> dict[str, Any]:
        objects = [
            {
                "object": place,
                "box": from_shares(one.box, self._unit, size),
                "caption": one.caption or one.label,
            }
            for place, one in enumerate(post.objects)
        ]
        return {"text": post.text, "objects": objects, "boxes": describe(self._unit, size)}

    def expected(self, post: PreparedPost, size: Size) -> dict[str, Any] | None:
        return None  # posts with labels have none of these

    def read(self, post: PreparedPost, answer: Mapping[str, Any], size: Size) -> Found:
        found: dict[tuple[int, int], RelationInPicture] = {}
        refused = []
        for place, item in enumerate(listed(answer, "relations")):
            try:
                one = _relation(entry(item, f"relation {place}"), place, len(post.objects))
                found.setdefault((one.head, one.tail), one)
            except Refused as error:
                refused.append(str(error))
        relations = tuple(found.values())
        return Found(replace(post, relations=relations), len(relations), tuple(refused))


def _relation(item: Mapping[str, Any], place: int, count: int) -> RelationInPicture:
    """A relation of an answer; raises `Refused` if its ends are not two of `count` objects."""
    ends = item.get("head"), item.get("tail")
    for end in ends:
        if type(end) is not int or not 0 <= end < count:
            raise Refused(f"relation {place} is of object {show(end)}, expected one of {count}")
    if ends[0] == ends[1]:
        raise Refused(f"relation {place} is of object {ends[0]} with itself")
    name = one_of(item.get("relation"), f"relation {place}", PREDICATES)
    return RelationInPicture(item["head"], name, item["tail"])
