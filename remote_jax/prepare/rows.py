"""A prepared post as the files have it: a line for `predict` and `extract`, and one of UMRE's."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from remote_jax.data.words import word_places
from remote_jax.eega.data.scene_graph import BACKGROUND, detector_sides
from remote_jax.prepare.media import OutputMedia
from remote_jax.prepare.post import PREDICATES, Entity, ObjectInPicture, PreparedPost


def post_row(post: PreparedPost, media: OutputMedia) -> dict[str, Any]:
    """A line of `posts.jsonl`, as `docs/your-data.md` describes it; paths are relative to it.

    What the post came with is as it came, and first. A detector's label is the caption of an object
    that has no other. It is no `class`, since EEGA refuses one that its training has not seen.
    """
    text = {"tokens": list(post.tokens)} if post.tokens else {"text": post.text}
    row = {
        "id": post.id,
        **text,
        **post.kept,
        "image": media.picture(post),
        "depth": media.depth(post),
        "entities": [_entity(one, post.tokens) for one in post.entities],
        "objects": [_object(one) for one in post.objects],
    }
    return {key: value for key, value in row.items() if value or (key == "id" and value == 0)}


def _entity(one: Entity, tokens: tuple[str, ...] | None) -> dict[str, Any]:
    """An entity; its place in words where the post has these, whole words then.

    One that the post came with is as it came, but for its caption, which no reader of posts knows.
    """
    if one.given is not None:
        row = {"name": one.name, **one.given}
        return {key: row[key] for key in ("start", "end", "name", "type") if key in row}
    start, end = one.start, one.end
    if tokens:
        ends = word_places(tokens)
        start = bisect_right([last for _, last in ends], start)
        end = bisect_left([first for first, _ in ends], one.end)
    row = {"start": start, "end": end, "name": one.name, "type": one.type}
    return {key: value for key, value in row.items() if value != ""}


def _object(one: ObjectInPicture) -> dict[str, Any]:
    row = {
        "box": [round(edge, 6) for edge in one.box],
        "caption": one.caption or one.label,
        "type": one.type,
        "score": one.score,
    }
    row |= one.given or {}
    return {key: value for key, value in row.items() if value not in ("", None)}


def boxes(post: PreparedPost) -> dict[str, list[float]]:
    """What UMRE's file of boxes has for the picture of a post."""
    return {
        f"[OBJ{place}]": [round(edge, 6) for edge in one.box]
        for place, one in enumerate(post.objects)
    }


def captions(post: PreparedPost) -> dict[str, str]:
    """What UMRE's file of captions has for the picture of a post: of objects and of entities."""
    objects = {f"[OBJ{place}]": one.caption or one.label for place, one in enumerate(post.objects)}
    entities = {one.name: one.caption for one in post.entities if one.caption}
    return {name: caption for name, caption in {**entities, **objects}.items() if caption}


def scene_graph(post: PreparedPost, types: Sequence[str]) -> dict[str, Any]:
    """What EEGA's file of scene graphs has for the picture of a post that has relations.

    Args:
        types: of objects, in any case, which are their classes; an object of another type has none.
    """
    assert post.picture is not None and post.relations is not None
    classes = {name.casefold(): place for place, name in enumerate(types, start=1)}
    sides = detector_sides(post.picture.size)
    return {
        "bbox": [(sides * one.box).round(2).tolist() for one in post.objects],
        "bbox_labels": [classes.get(one.type.casefold(), 0) for one in post.objects],
        "bbox_scores": [1.0 if one.score is None else one.score for one in post.objects],
        "rel_pairs": [[one.head, one.tail] for one in post.relations],
        "rel_labels": [PREDICATES.index(one.relation) + 1 for one in post.relations],
        "rel_scores": [1.0] * len(post.relations),
    }


def scene_names(types: Sequence[str]) -> dict[str, list[str]]:
    """What the numbers in scene graphs stand for."""
    return {
        "ind_to_classes": [BACKGROUND, *types],
        "ind_to_predicates": [BACKGROUND, *PREDICATES],
    }
