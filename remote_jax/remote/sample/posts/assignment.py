"""Which entities of a community the sentence of a post is about."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from remote_jax.remote.sample import rules
from remote_jax.remote.sample.posts.community import Community
from remote_jax.remote.sample.posts.consequences import Fact
from remote_jax.remote.sample.world import World

WITHHELD = 0.25
"""Share of the facts that no post states."""

EVENNESS = 30
"""The greater, the more evenly entities are spoken of: that of rank r has weight 1 / (r + this)."""

T = TypeVar("T")

Stated = tuple[int, str, int]
"""A relation between two entities of a post, by their places there."""


def stated(world: World) -> set[Stated]:
    """The relations between the entities of a post that its sentence and picture state.

    Those are the ones that hold between two of them, and those of an object that an entity is
    (`self`): where X is object a, Y is object b and a is partner of b, X is partner of Y.
    """
    found = list(rules.holding(world))
    named = defaultdict(set)
    for pair in found:
        if pair.triplet == "eo" and pair.relation in (rules.PERSON_SELF, rules.ORG_SELF):
            named[pair.tail].add(pair.head)

    def entities(letter: str, place: int) -> set[int]:
        return {place} if letter == "e" else named[place]

    return {
        (head, pair.relation, tail)
        for pair in found
        if pair.relation not in (rules.PERSON_SELF, rules.ORG_SELF)
        for head in entities(pair.triplet[0], pair.head)
        for tail in entities(pair.triplet[1], pair.tail)
        if head != tail
    }


class Cast:
    """Draws entities for the places of posts, such that posts state what is true.

    Facts are drawn in proportion to how prominent both of their ends are, so some are stated by
    many posts. A part of them is withheld.
    """

    def __init__(self, rng: random.Random, community: Community):
        self._rng, self._community = rng, community
        order = rng.sample(community.entities, len(community.entities))
        self._weights = {one.id: 1 / (rank + EVENNESS) for rank, one in enumerate(order)}
        self._facts: dict[str, list[Fact]] = defaultdict(list)
        withheld = _withheld(rng, community)
        for fact in sorted(community.facts - withheld):
            self._facts[fact[1]].append(fact)
        self._known = {fact for facts in self._facts.values() for fact in facts}

    def draw(self, world: World) -> list[str] | None:
        """Ids of entities for the places of a post; None where no facts fit it."""
        found: dict[int, str] = {}
        for head, relation, tail in sorted(stated(world)):
            ends = (found.get(head), found.get(tail))
            if None not in ends:
                if (ends[0], relation, ends[1]) not in self._known:
                    return None
                continue
            fact = self._fact(relation, ends, set(found.values()))
            if fact is None:
                return None
            found[head], _, found[tail] = fact
        for place, kind in enumerate(world.entities):
            if place not in found:
                ids = [one for one in self._community.ids(kind) if one not in found.values()]
                found[place] = self._choose(ids, [self._weights[one] for one in ids])
        return [found[place] for place in range(len(world.entities))]

    def _fact(
        self, relation: str, ends: tuple[str | None, str | None], taken: set[str]
    ) -> Fact | None:
        """A fact of the relation whose ends are those that are known and no other taken ones."""
        fitting = [
            fact
            for fact in self._facts[relation]
            if all(
                (known == end) if known is not None else (end not in taken)
                for known, end in zip(ends, (fact[0], fact[2]), strict=True)
            )
        ]
        if not fitting:
            return None
        weights = [self._weights[head] * self._weights[tail] for head, _, tail in fitting]
        return self._choose(fitting, weights)

    def _choose(self, items: Sequence[T], weights: Sequence[float]) -> T:
        return self._rng.choices(items, weights)[0]


def _withheld(rng: random.Random, community: Community) -> set[Fact]:
    """Facts that no post is to state; of one that holds both ways, both ways."""
    pairs = sorted(set(map(_either_way, community.facts)))
    chosen = set(rng.sample(pairs, round(WITHHELD * len(pairs))))
    return {fact for fact in community.facts if _either_way(fact) in chosen}


def _either_way(fact: Fact) -> Fact:
    """The same of a fact and of its other way round."""
    head, relation, tail = fact
    return min(head, tail), relation, max(head, tail)
