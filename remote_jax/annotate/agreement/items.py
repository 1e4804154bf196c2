"""Pairs as items that annotators label, and how far two labels are from each other.

A label is a relation and, where it is not symmetric, its direction. Pairs are those whose ends the
annotators have in common (`merging.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from remote_jax.annotate.ends import Entity, Object, Pair, Relation
from remote_jax.annotate.layers import Layers
from remote_jax.annotate.merging import Merged
from remote_jax.annotate.posts import Post
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.remote.data.annotations.relation_labels import types_of

BACK = "← "
"""Before a relation that goes from the second end of a pair to the first."""

NEAR = 0.5
"""Disagreement of two relations between ends of the same types, or of one in two directions."""

WEIGHTS = (
    "Disagreement of two labels: 0 the same; 0.5 two relations between ends of the same types, as "
    "/per/per/partner and /per/per/relatives, or one relation in two directions; 1 all others, "
    "also a relation and none."
)


@dataclass(frozen=True)
class Item:
    """A pair that somebody labelled.

    Attributes:
        kind: `ee`, `eo` or `oo`.
        names: of its ends.
        labels: by person.
    """

    post: str
    pair: Pair
    kind: str
    names: tuple[str, str]
    labels: Mapping[str, str]

    @property
    def disputed(self) -> bool:
        """Whether two people gave it two labels."""
        return len(set(self.labels.values())) > 1


def items_of(layers: Layers, posts: Sequence[Post]) -> list[Item]:
    """Every pair that an annotator labelled, in the order of posts."""
    found = []
    for post in posts:
        merged = layers.merged(post)
        for pair, said in sorted(merged.relations.items()):
            labels = {name: label_of(one, pair, layers.vocabulary) for name, one in said.items()}
            names = (_name(post, merged, pair[0]), _name(post, merged, pair[1]))
            found.append(Item(post.id, pair, pair[0][0] + pair[1][0], names, labels))
    return found


def _name(post: Post, merged: Merged, item: str) -> str:
    end = next(iter(merged.ends[item].values()))
    return post.name(end) if isinstance(end, Entity) else end.caption or f"[{item}]"


def label_of(one: Relation, pair: Pair, vocabulary: Vocabulary) -> str:
    """A label as a text."""
    undirected = one.relation == vocabulary.none or one.relation in vocabulary.symmetric
    return one.relation if undirected or one.head == pair[0] else BACK + one.relation


def disagreements(labels: Sequence[str], none: str) -> Float[np.ndarray, "labels labels"]:
    """How far each two labels are from each other, as `WEIGHTS` says."""
    relations = [label.removeprefix(BACK) for label in labels]
    found = np.ones((len(labels), len(labels)))
    for row, one in enumerate(relations):
        for column, other in enumerate(relations):
            if row == column:
                found[row, column] = 0
            elif none not in (one, other) and (one == other or types_of(one) == types_of(other)):
                found[row, column] = NEAR
    return found


@dataclass(frozen=True)
class Ends:
    """How far two annotators have the same entities or objects.

    Attributes:
        both: ends that both have, with the same words or boxes that overlap by half, and type.
        differing: ends that both have, and that are not the same.
        one: ends that one of them has.
    """

    people: tuple[str, str]
    kind: str
    both: int
    differing: int
    one: int


def ends_of(layers: Layers, posts: Sequence[Post], people: tuple[str, str]) -> list[Ends]:
    """Ends of posts that both people labelled something of: entities, then objects."""
    counts = {Entity: [0, 0, 0], Object: [0, 0, 0]}
    for post in posts:
        own = {name: layers.layer(name, post) for name in people}
        if not all(layer.relations for layer in own.values()):
            continue
        merged = layers.merged(post)
        two = Merged(
            people,
            {
                item: {name: said[name] for name in people if name in said}
                for item, said in merged.ends.items()
            },
            {},
        )
        agreed = two.agreed(layers.vocabulary).ends
        for item, said in two.ends.items():
            if said:
                place = 0 if item in agreed else 1 if len(said) == len(people) else 2
                counts[type(next(iter(said.values())))][place] += 1
    names = {Entity: "entities", Object: "objects"}
    return [Ends(people, names[kind], *counts[kind]) for kind in names]
