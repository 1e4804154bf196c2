"""Gives an annotator another name, or joins two names of one person."""

from __future__ import annotations

from collections.abc import Iterator

from remote_jax.annotate.ends import Entity, Layer
from remote_jax.annotate.layers import Layers, read_values
from remote_jax.annotate.merging import merge
from remote_jax.annotate.posts import Post
from remote_jax.annotate.project import Project, check_name
from remote_jax.errors import UserError


def rename(project: Project, old: str, new: str, by: str) -> int:
    """From now on what `old` labelled is of `new`, who may be there already; it is kept who did so.

    Args:
        by: who does it.

    Returns:
        The number of changes that get the other name.

    Raises:
        UserError: nobody is called `old`, `new` is no name, has another role or was somebody
            else's, or both say different things of a post.
    """
    check_name(new)

    def check() -> None:
        layers = project.loaded()
        different = [
            (post.id, what)
            for post in project.posts
            if (what := next(_differences(layers, old, new, post), ""))
        ]
        if different:
            id_, what = different[0]
            posts = "1 post" if len(different) == 1 else f"{len(different):,} posts"
            raise UserError(
                f"{old} and {new} cannot be one person: they differ in {posts}, "
                f"first in {id_!r}: {what}."
            )

    return project.store.rename(old, new, by, check)


def _differences(layers: Layers, old: str, new: str, post: Post) -> Iterator[str]:
    """What two names say differently of a post, and what to do, a few words each."""
    ours, theirs = (layers.values(name, post.id) for name in (old, new))
    if not ours or not theirs:
        return
    for item in sorted(ours.keys() & theirs.keys()):
        if ours[item] != theirs[item]:
            told = _told(post, item, layers.layer(old, post))
            yield f"{told} was changed by both: make both the same, on the page of one of them"
    one, other = layers.layer(old, post), layers.layer(new, post)
    merged = merge({old: one, new: other})
    for item, said in merged.ends.items():
        if len(said) == 2 and not (item in one.ends and item in other.ends):
            twin = next(end for end in other.ends if merged.aliases.get(end) == item)
            name = old if _decided(layers, twin, post) else new
            yield f"both added {_told(post, item, one)}: take it away under the name {name}"
    both = post.base.with_values(read_values({**ours, **theirs}))
    for pair in sorted(one.relations.keys() | other.relations.keys()):
        if pair not in both.relations:
            told = _told(post, " ".join(pair), one)
            yield f"one labelled {told}, of which the other took away an end: undo one of these"


def _decided(layers: Layers, end: str, post: Post) -> bool:
    """Whether a decision of the adjudicator has this identifier, and would be lost with it."""
    values = layers.values(layers.adjudicator, post.id) if layers.adjudicator else {}
    return any(end in item.split(" ") for item in values)


def _told(post: Post, item: str, layer: Layer) -> str:
    """An item in words: names of entities, and identifiers of objects."""
    names = item.split(" ")
    ends = (layer.ends.get(name) or post.base.ends.get(name) for name in names)
    return " and ".join(
        repr(post.name(end)) if isinstance(end, Entity) else name
        for name, end in zip(names, ends, strict=True)
    )
