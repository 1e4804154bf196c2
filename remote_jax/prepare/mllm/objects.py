"""Objects and their boxes by a multimodal LLM (REMOTE, §4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_jax.errors import Refused
from remote_jax.prepare.given import with_objects
from remote_jax.prepare.mllm.answers import MAX_CAPTION, entry, listed, one_of, plain_text
from remote_jax.prepare.mllm.boxes import Size, from_shares, to_shares
from remote_jax.prepare.mllm.chat import Settings
from remote_jax.prepare.mllm.schemas import list_schema
from remote_jax.prepare.post import ObjectInPicture, PreparedPost
from remote_jax.prepare.step import Found

BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}


class Objects:
    """Which objects of the picture the post is about, where they are, and what can be seen."""

    name = "objects"

    def __init__(self, settings: Settings):
        self._types, self._unit = settings.types, settings.boxes
        self._overlap = settings.overlap
        properties = {
            "box": BOX,
            "type": {"type": "string", "enum": list(settings.types)},
            "caption": {"type": "string"},
        }
        self.schema: Mapping[str, Any] = list_schema("objects", properties)

    def asks(self, post: PreparedPost) -> bool:
        return post.picture is not None

    def values(self, post: PreparedPost, size: Size) -> dict[str, Any]:
        named = [{"name": one.name, "type": one.type} for one in post.entities]
        return {"text": post.text, "entities": named}

    def expected(self, post: PreparedPost, size: Size) -> dict[str, Any] | None:
        if post.picture is None:
            return None
        return {
            "objects": [
                {
                    "box": from_shares(one.box, self._unit, size),
                    "type": one.type,
                    "caption": one.caption,
                }
                for one in post.objects
                if one.type in self._types
            ]
        }

    def read(self, post: PreparedPost, answer: Mapping[str, Any], size: Size) -> Found:
        objects: list[ObjectInPicture] = []
        refused = []
        for place, item in enumerate(listed(answer, "objects")):
            try:
                one = self._object(entry(item, f"object {place}"), f"object {place}", size)
                if all(one.box != other.box for other in objects):
                    objects.append(one)
            except Refused as error:
                refused.append(str(error))
        found = with_objects(post, objects, self._overlap)
        return Found(found.post, found.count, tuple(refused))

    def _object(self, item: Mapping[str, Any], what: str, size: Size) -> ObjectInPicture:
        box = to_shares(item.get("box"), f"the box of {what}", self._unit, size)
        kind = one_of(item.get("type"), f"the type of {what}", self._types)
        caption = ""
        if item.get("caption"):
            caption = plain_text(item["caption"], f"the caption of {what}", MAX_CAPTION)
        return ObjectInPicture(box, caption, kind)
