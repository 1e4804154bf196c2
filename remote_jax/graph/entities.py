"""The entities that linked mentions are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from remote_jax.graph.extraction import Extraction
from remote_jax.graph.linking.link import Linking
from remote_jax.graph.linking.types import most_frequent


@dataclass(frozen=True)
class Entity:
    """Somebody or something that posts mention.

    Attributes:
        id: `E1` for the most mentioned one, and so on.
        name: the most frequent one that is no abbreviation.
        aliases: the other names, the most frequent first.
        type: that of most of its mentions, or else that which relations name; "" if none is known.
        mentions: in sentences.
        objects: in pictures.
        posts: that mention or show it.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    type: str
    mentions: int
    objects: int
    posts: int

    def to_dict(self) -> dict[str, Any]:
        """A row of `entities.jsonl`."""
        return {**vars(self), "aliases": list(self.aliases)}

    @property
    def label(self) -> str:
        """The name and the id, by which ROAM knows the entity: unique, and safe in its files."""
        return f"{self.name[:80].strip()} ({self.id})"


@dataclass(frozen=True)
class Entities:
    """All entities, the most mentioned first.

    Attributes:
        of: of each mention its entity, -1 for an object that is linked to none.
    """

    rows: list[Entity]
    of: Int[np.ndarray, " mentions"]


def entities(extraction: Extraction, linking: Linking) -> Entities:
    """The entities: the components with at least one mention in a sentence."""
    nodes = linking.nodes
    component = np.zeros(len(nodes), np.int64)
    component[nodes.of] = linking.component
    # Within a component full names come before abbreviations, and frequent names before others.
    part = component[: len(nodes.name)]
    order = np.lexsort((nodes.type, nodes.name, -nodes.count, nodes.resolved >= 0, part))
    labels, starts = np.unique(part[order], return_index=True)
    members = np.split(order, starts[1:]) if len(labels) else []
    totals = np.bincount(part, nodes.count, minlength=int(component.max(initial=0)) + 1)
    first = np.array([rows[0] for rows in members], np.int64)
    ranked = np.lexsort((first, nodes.type[first], nodes.name[first], -totals[labels]))
    place = np.full(int(component.max(initial=0)) + 1, -1, np.int64)
    place[labels[ranked]] = np.arange(len(labels))
    of = place[linking.component]
    counts = _counts(extraction, of, len(labels))
    kinds = _types(extraction, linking, of, len(labels))
    found = []
    for number, which in enumerate(ranked.tolist()):
        names = dict.fromkeys(extraction.names[name] for name in nodes.name[members[which]])
        name, *aliases = names
        kind = extraction.types[kinds[number]]
        found.append(Entity(f"E{number + 1}", name, tuple(aliases), kind, *counts[number]))
    return Entities(found, of)


def _counts(extraction: Extraction, of: Int[np.ndarray, " n"], count: int) -> list[list[int]]:
    """Mentions, objects and posts of each entity."""
    linked, is_object = of >= 0, extraction.mentions.is_object
    posts = np.unique(np.stack([of[linked], extraction.mentions.post[linked]]), axis=1)
    return np.stack(
        [
            np.bincount(of[linked & ~is_object], minlength=count),
            np.bincount(of[linked & is_object], minlength=count),
            np.bincount(posts[0], minlength=count),
        ],
        axis=1,
    ).tolist()


def _types(
    extraction: Extraction, linking: Linking, of: Int[np.ndarray, " n"], count: int
) -> Int[np.ndarray, " entities"]:
    """The type of each entity, a place in the vocabulary."""
    groups = linking.groups
    of = of[groups.rows]
    extracted, inferred = (
        most_frequent(of, kinds, count) for kinds in (groups.type, groups.inferred)
    )
    return np.where(extracted > 0, extracted, inferred)
