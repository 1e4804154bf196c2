"""What a step finds beside what a post came with, of which nothing is changed or removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from remote_jax.data.boxes import overlap
from remote_jax.prepare.mentions import MAX_ENTITIES, without_overlaps
from remote_jax.prepare.post import MAX_OBJECTS, Entity, ObjectInPicture, PreparedPost
from remote_jax.prepare.step import Found

OVERLAP = 0.7
"""Of two boxes whose intersection is at least this share of their union, one is left out: they are
of the same object."""


def with_entities(post: PreparedPost, found: Iterable[Entity]) -> Found:
    """A post with its own entities, then those found where it has none.

    Entities of former steps are replaced. An entity that overlaps a given one without having its
    span is refused. One with its span is the same; its caption is taken where the given has none.
    """
    given = [one for one in post.entities if one.given is not None]
    added, refused = [], []
    for one in without_overlaps(found):
        same = [i for i, a in enumerate(given) if (a.start, a.end) == (one.start, one.end)]
        for place in same:
            own = given[place]
            given[place] = replace(own, caption=own.caption or one.caption)
        if same:
            continue
        crossed = [a for a in given if one.start < a.end and a.start < one.end]
        if crossed:
            refused.append(f"{one.name!r} overlaps {crossed[0].name!r}, which the post came with")
        else:
            added.append(one)
    added = added[: max(0, MAX_ENTITIES - len(given))]
    return Found(replace(post, entities=(*given, *added)), len(added), tuple(refused))


def with_objects(post: PreparedPost, found: Sequence[ObjectInPicture], most: float) -> Found:
    """A post with its own objects, then those found elsewhere; `MAX_OBJECTS` at most.

    Args:
        found: the most important first.
        most: overlap with a given object from which on an object is the same, as `OVERLAP`.
    """
    given = [one for one in post.objects if one.given is not None]
    added = [one for one in found if all(overlap(one.box, own.box) < most for own in given)]
    added = added[: max(0, MAX_OBJECTS - len(given))]
    return Found(replace(post, objects=(*given, *added)), len(added))
