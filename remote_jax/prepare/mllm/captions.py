"""Captions of pictures and of the objects in them by a multimodal LLM (REMOTE, §5.1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from remote_jax.data.jsonl import show
from remote_jax.errors import Refused
from remote_jax.prepare.mllm.answers import MAX_CAPTION, entry, listed, plain_text
from remote_jax.prepare.mllm.boxes import Size, describe, from_shares
from remote_jax.prepare.mllm.chat import Settings
from remote_jax.prepare.mllm.schemas import object_schema
from remote_jax.prepare.post import PreparedPost
from remote_jax.prepare.step import Found

ITEM = object_schema({"object": {"type": "integer"}, "caption": {"type": "string"}})
SCHEMA = object_schema({"picture": {"type": "string"}, "objects": {"type": "array", "items": ITEM}})


class Captions:
    """What can be seen in the picture, and in the box of each object that is known.

    A caption that a post came with is kept.
    """

    name = "captions"
    schema: Mapping[str, Any] = SCHEMA

    def __init__(self, settings: Settings):
        self._unit = settings.boxes

    def asks(self, post: PreparedPost) -> bool:
        return post.picture is not None

    def values(self, post: PreparedPost, size: Size) -> dict[str, Any]:
        objects = [
            {"object": place, "box": from_shares(one.box, self._unit, size)}
            for place, one in enumerate(post.objects)
        ]
        return {
            "text": post.text,
            "entities": [one.name for one in post.entities],
            "objects": objects,
            **({"boxes": describe(self._unit, size)} if objects else {}),
        }

    def expected(self, post: PreparedPost, size: Size) -> dict[str, Any] | None:
        if post.picture is None or not post.caption:
            return None
        captions = [
            {"object": place, "caption": one.caption}
            for place, one in enumerate(post.objects)
            if one.caption
        ]
        return {"picture": post.caption, "objects": captions}

    def read(self, post: PreparedPost, answer: Mapping[str, Any], size: Size) -> Found:
        refused: list[str] = []
        objects, caption, count = list(post.objects), "", 0
        for item in [
            {"object": None, "caption": answer.get("picture")},
            *listed(answer, "objects"),
        ]:
            try:
                place, told = _caption(item, len(objects))
            except Refused as error:
                refused.append(str(error))
                continue
            own = {} if place is None else objects[place].given or {}
            if own.get("caption"):
                continue  # the post came with it
            count += 1
            if place is None:
                caption = told
            else:
                objects[place] = replace(objects[place], caption=told)
        found = replace(post, objects=tuple(objects), caption=caption)
        return Found(found, count, tuple(refused))


def _caption(item: object, count: int) -> tuple[int | None, str]:
    """Which of the objects a caption is of, None for the whole picture, and the caption."""
    place = entry(item, "a caption").get("object")
    if place is not None and (type(place) is not int or not 0 <= place < count):
        raise Refused(f"a caption is of object {show(place)}, expected one of {count}")
    what = "the caption of " + ("the picture" if place is None else f"object {place}")
    return place, plain_text(entry(item, what).get("caption"), what, MAX_CAPTION)
