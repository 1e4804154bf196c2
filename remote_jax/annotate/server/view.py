"""What the page is told, as values of JSON; an annotator is told nothing of other people."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from remote_jax.annotate.ends import Layer
from remote_jax.annotate.layers import Layers
from remote_jax.annotate.posts import Post
from remote_jax.annotate.project import Project, last_done
from remote_jax.annotate.suggestions import Suggested
from remote_jax.data.files import find
from remote_jax.data.images import read_picture
from remote_jax.errors import Refused
from remote_jax.remote.data.annotations.relation_labels import types_of

LONGEST = 1600
"""Pixels of the longer side of a picture that the page gets."""


def of_task(project: Project, person: str, guidelines: str) -> dict[str, Any]:
    """Who labels what: the vocabulary, the guidelines, and how much of each post is labelled.

    Args:
        guidelines: as `guidelines.markup` makes them.
    """
    layers = project.loaded()
    vocabulary = project.vocabulary
    return {
        "person": person,
        "adjudicates": person == layers.adjudicator,
        "relations": [
            {"name": name, "types": types_of(name), "symmetric": name in vocabulary.symmetric}
            for name in vocabulary.relations
        ],
        "types": list(vocabulary.types),
        "guidelines": guidelines,
        "posts": [_progress(layers, person, post) for post in project.posts],
    }


def _progress(layers: Layers, person: str, post: Post) -> list[int]:
    """Pairs of a post that are labelled, and all of them."""
    layer = layers.layer(person, post)
    count = len(layer.ends)
    return [len(layer.relations), count * (count - 1) // 2]


def of_post(project: Project, person: str, place: int, suggested: Suggested) -> dict[str, Any]:
    """A post as one person labels it."""
    post, layers = project.posts[place], project.now
    gaps = [*post.starts[1:], len(post.text)]
    last = last_done(project.store.batches(person, post.id))
    found: dict[str, Any] = {
        "place": place,
        "id": post.id,
        "words": [
            [start, end, post.text[start:end], post.text[end:gap]]
            for start, end, gap in zip(post.starts, post.ends, gaps, strict=True)
        ],
        "picture": bool(post.image),
        **_layer(layers.layer(person, post)),
        "offers": [],
        "opinions": {},
        "suggestions": {},
        "undoable": last and last.name,
    }
    if person == layers.adjudicator:
        return found | _opinions(layers, post)
    offers = [
        {"item": item, "by": "model", "value": end.to_dict()}
        for item, end in suggested.ends.items()
    ]
    return found | {"offers": offers, "suggestions": suggested.relations}


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "ends": {item: end.to_dict() for item, end in layer.ends.items()},
        "relations": {
            " ".join(pair): relation.to_dict() for pair, relation in layer.relations.items()
        },
    }


def _opinions(layers: Layers, post: Post) -> dict[str, Any]:
    """What each annotator says: ends on offer, and relations by pair and person."""
    merged = layers.merged(post)
    return {
        "offers": [
            {"item": item, "by": name, "value": end.to_dict()}
            for item, said in merged.ends.items()
            for name, end in said.items()
        ],
        "opinions": {
            " ".join(pair): {name: relation.to_dict() for name, relation in said.items()}
            for pair, said in merged.relations.items()
        },
    }


def picture(project: Project, place: int) -> bytes:
    """The picture of a post, written anew as a JPEG.

    Raises:
        Refused: there is none, or it cannot be read.
    """
    post = project.posts[place]
    path = find(project.folder, post.image) if post.image else None
    if path is None:
        raise Refused("the picture is not there")
    image = read_picture(path)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=90)
    return content.getvalue()
