"""Facts: triplets between entities, with the posts that support them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.data.release import bundled
from remote_jax.graph.entities import Entities
from remote_jax.graph.extraction import Extraction, last_part, types_of
from remote_jax.graph.linking.objects import is_self
from remote_jax.graph.settings import listed

AUTO = "auto"
LOOP, UNLINKED = "head and tail are one entity", "no self relation ties an object to an entity"
MISTYPED = "the relation is of other types than its ends"
"""Why a triplet is no fact."""
MAX_CONTRADICTIONS = 10


@dataclass(frozen=True)
class Facts:
    """Fact by fact, ordered by head, relation and tail.

    Attributes:
        head, tail: places among the entities.
        relation: a place in the vocabulary.
        probability: that at least one post is right, if posts err independently: 1 - Π (1 - p)
            over the posts (noisy-or, Pearl 1988), p the highest of a post.
        starts: where the posts of each fact begin in the next two, and where the last end.
        posts: those that state a fact, the most probable first.
        stated: the probability p of each.
    """

    head: Int[np.ndarray, " facts"]
    relation: Int[np.ndarray, " facts"]
    tail: Int[np.ndarray, " facts"]
    probability: Float[np.ndarray, " facts"]
    starts: Int[np.ndarray, " facts+1"]
    posts: Int[np.ndarray, " statements"]
    stated: Float[np.ndarray, " statements"]

    def __len__(self) -> int:
        return len(self.head)

    @property
    def support(self) -> Int[np.ndarray, " facts"]:
        """The number of posts that state each fact."""
        return np.diff(self.starts)

    def chosen(self, rows: Bool[np.ndarray, " facts"]) -> Facts:
        """Some of the facts."""
        statements = np.repeat(rows, self.support)
        return Facts(
            self.head[rows],
            self.relation[rows],
            self.tail[rows],
            self.probability[rows],
            np.concatenate([[0], np.cumsum(self.support[rows])]),
            self.posts[statements],
            self.stated[statements],
        )


@dataclass(frozen=True)
class Gathered:
    """What became of the triplets.

    Attributes:
        facts: all of them, however improbable.
        unused: rows of triplets that are no facts, and why each is none.
        selves: the number of `self` relations, which link and are no facts.
    """

    facts: Facts
    unused: list[tuple[int, str]]
    selves: int


def symmetric(relations: list[str], named: str) -> Bool[np.ndarray, " relations"]:
    """Which relations hold both ways; `named` is the setting `graph.symmetric`."""
    chosen = bundled("relations", "symmetric") if named == AUTO else listed(named)
    return _named(relations, chosen)


def _named(relations: list[str], chosen: tuple[str, ...]) -> Bool[np.ndarray, " relations"]:
    """Which relations are among some that are named in full or by their last part."""
    wanted = set(chosen)
    return np.array([name in wanted or last_part(name) in wanted for name in relations], bool)


def gather(extraction: Extraction, entities: Entities, settings: ConfigDict) -> Gathered:
    """Facts of all triplets whose ends are of two entities.

    Args:
        settings: the section `graph` of `settings.defaults`.
    """
    triplets = extraction.triplets
    selves = is_self(extraction)
    head, tail = entities.of[triplets.head], entities.of[triplets.tail]
    unlinked = ~selves & ((head < 0) | (tail < 0))
    loops = ~selves & ~unlinked & (head == tail)
    unused = [(row, UNLINKED) for row in np.flatnonzero(unlinked).tolist()]
    unused += [(row, LOOP) for row in np.flatnonzero(loops).tolist()]
    mistyped = np.zeros(len(head), bool)
    if settings.check_types:
        mistyped = ~(selves | unlinked | loops) & _mistyped(extraction, entities, head, tail)
    unused += [(row, MISTYPED) for row in np.flatnonzero(mistyped).tolist()]
    used = ~(selves | unlinked | loops | mistyped)
    turned = symmetric(extraction.relations, settings.symmetric)[triplets.relation] & (head > tail)
    columns = np.stack(
        [
            np.where(turned, tail, head),
            triplets.relation,
            np.where(turned, head, tail),
            extraction.mentions.post[triplets.head],
        ]
    )
    found = combine(columns[:, used], triplets.probability[used])
    return Gathered(found, unused, int(selves.sum()))


def _mistyped(
    extraction: Extraction,
    entities: Entities,
    head: Int[np.ndarray, " triplets"],
    tail: Int[np.ndarray, " triplets"],
) -> Bool[np.ndarray, " triplets"]:
    """Which triplets have an end of another type than the relation names, where both are known."""
    place = {name: number for number, name in enumerate(extraction.types)}
    kinds = np.array([place[one.type] for one in entities.rows], np.int64)
    named = np.array(
        [[place[kind] for kind in types_of(name)] for name in extraction.relations], np.int64
    ).reshape(-1, 2)
    wanted = named[extraction.triplets.relation]
    found = np.stack([kinds[head], kinds[tail]], 1)
    return ((wanted > 0) & (found > 0) & (wanted != found)).any(1)


def combine(
    rows: Int[np.ndarray, "4 triplets"], probability: Float[np.ndarray, " triplets"]
) -> Facts:
    """Facts of triplets.

    Args:
        rows: head, relation, tail and post of each.
    """
    statements, of = np.unique(rows, axis=1, return_inverse=True)
    stated = np.zeros(statements.shape[1])
    np.maximum.at(stated, of.reshape(-1), probability)
    found, fact = np.unique(statements[:3], axis=1, return_inverse=True)
    fact = fact.reshape(-1)
    with np.errstate(divide="ignore"):  # of a certain post
        doubt = np.zeros(found.shape[1])
        np.add.at(doubt, fact, np.log1p(-stated))
    order = np.lexsort((statements[3], -stated, fact))
    starts = np.concatenate([[0], np.cumsum(np.bincount(fact, minlength=found.shape[1]))])
    combined = np.clip(-np.expm1(doubt), 0, 1)
    head, relation, tail = found
    return Facts(head, relation, tail, combined, starts, statements[3, order], stated[order])


def enough(facts: Facts, settings: ConfigDict) -> Bool[np.ndarray, " facts"]:
    """Which facts are probable enough, and stated by enough posts."""
    probable = facts.probability >= settings.minimum_probability
    return probable & (facts.support >= settings.minimum_posts)


def contradictions(facts: Facts, relations: list[str], functional: str) -> dict[int, list[int]]:
    """Of each fact of a functional relation the others with its head and relation, if any.

    Args:
        functional: the setting `graph.functional`.

    Returns:
        Rows of facts, the most probable first, at most `MAX_CONTRADICTIONS`.
    """
    single = _named(relations, listed(functional))
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in np.flatnonzero(single[facts.relation]).tolist():
        groups[int(facts.head[row]), int(facts.relation[row])].append(row)
    found = {}
    for rows in groups.values():
        ranked = sorted(rows, key=lambda row: (-facts.probability[row], row))
        if len(ranked) > 1:
            likeliest = ranked[: MAX_CONTRADICTIONS + 1]
            for row in rows:
                found[row] = [one for one in likeliest if one != row][:MAX_CONTRADICTIONS]
    return found


def dates(extraction: Extraction, facts: Facts, row: int) -> dict[str, Any]:
    """The first and the last date of a fact's posts, those that have one."""
    posts = facts.posts[facts.starts[row] : facts.starts[row + 1]].tolist()
    known = [date for post in posts if (date := extraction.posts.dates[post]) is not None]
    return {"first": min(known), "last": max(known)} if known else {}
