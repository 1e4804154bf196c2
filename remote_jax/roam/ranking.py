"""Filtered ranking of the entities that may complete a query, and what is reported of it.

A query is (head, relation, ?). The queries (?, relation, tail) are those of reciprocal relations:
relation + R stands for the inverse of relation, where R is the number of relations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

HITS = (1, 3, 10)

Queries = Int[np.ndarray, "queries 2"]


def both_directions(
    triples: Int[np.ndarray, "n 3"], relations: int
) -> tuple[Queries, Int[np.ndarray, " 2n"]]:
    """Queries of triples, those for tails before those for heads, and the answers wanted."""
    head, relation, tail = triples.T
    tails = np.stack([head, relation], 1)
    heads = np.stack([tail, relation + relations], 1)
    return np.concatenate([tails, heads]), np.concatenate([tail, head])


@dataclass(frozen=True)
class KnownAnswers:
    """The true answers of every query, to leave out of a ranking ("filtered").

    Attributes:
        keys: sorted; of a query (head, relation) it is head · 2R + relation.
        starts: where the answers of each key begin in `answers`, and their number at the end.
        answers: entities, those of a query side by side.
        relations: R.
    """

    keys: Int[np.ndarray, " k"]
    starts: Int[np.ndarray, " k+1"]
    answers: Int[np.ndarray, " n"]
    relations: int

    @classmethod
    def from_splits(cls, splits: Iterable[Int[np.ndarray, "n 3"]], relations: int) -> KnownAnswers:
        """Of the triples of all splits, each once, in both directions."""
        triples = np.unique(np.concatenate(list(splits)), axis=0)
        queries, answers = both_directions(triples, relations)
        keys = _keys(queries, relations)
        order = np.argsort(keys, kind="stable")
        keys, starts = np.unique(keys[order], return_index=True)
        return cls(keys, np.append(starts, len(answers)), answers[order], relations)

    def answers_to(self, query: Int[np.ndarray, "2"]) -> Int[np.ndarray, " a"]:
        """The answers of one query; none for an unknown one."""
        wanted = _keys(query[None], self.relations)[0]
        place = int(np.searchsorted(self.keys, wanted))
        if place == len(self.keys) or self.keys[place] != wanted:
            return self.answers[:0]
        return self.answers[self.starts[place] : self.starts[place + 1]]


def ranks(
    scores: Float[Array, "q n"], targets: Int[Array, " q"], known: Bool[Array, "q n"]
) -> Float[Array, " q"]:
    """The rank of each target among the entities that are no other known answer of its query.

    An entity with the same score counts as half a place: a tie gets its expected rank. A score that
    is not a number ranks last.

    Args:
        scores: of every entity.
        targets: the entity wanted of each query, itself known or not.
        known: the true answers of each query ("filtered").
    """
    wanted = jnp.take_along_axis(scores, targets[:, None], 1)
    rivals = ~known & (jnp.arange(scores.shape[1]) != targets[:, None])
    above = jnp.sum(rivals & ~(scores <= wanted), 1)
    beside = jnp.sum(rivals & (scores == wanted), 1)
    return 1.0 + above + beside / 2


def _keys(queries: Queries, relations: int) -> Int[np.ndarray, " q"]:
    return queries[:, 0].astype(np.int64) * (2 * relations) + queries[:, 1]


def summary(found: Float[np.ndarray, " queries"]) -> Mapping[str, float]:
    """MR, MRR and Hits@1, 3 and 10 of ranks; zeros where there is none."""
    if not len(found):
        return {"mr": 0.0, "mrr": 0.0, **{f"hits@{k}": 0.0 for k in HITS}}
    hits = {f"hits@{k}": float((found <= k).mean()) for k in HITS}
    return {"mr": float(found.mean()), "mrr": float((1 / found).mean()), **hits}


def pack(answers: Int[np.ndarray, " a"], entities: int) -> UInt8[np.ndarray, " bytes"]:
    """A bit an entity, set for the answers: a batch of masks is small enough to send."""
    bits = np.zeros(entities, bool)
    bits[answers] = True
    return np.packbits(bits, bitorder="little")


def unpack(bits: UInt8[Array, "b bytes"], entities: int) -> Bool[Array, "b n"]:
    """What `pack` packed, for a batch, on the device."""
    wide = jnp.unpackbits(bits, axis=1, bitorder="little")
    return wide[:, :entities].astype(bool)
