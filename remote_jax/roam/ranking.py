"""Filtered ranking of the entities that may complete a query, and what is reported of it.

A query is (head, relation, ?). The queries (?, relation, tail) are those of reciprocal relations:
relation + R stands for the inverse of relation, where R is the number of relations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

CHUNK_SCORES = 2**24
"""Scores held at a time; it bounds the memory, whatever the numbers of queries and entities."""

HITS = (1, 3, 10)

Queries = Int[np.ndarray, "queries 2"]
Score = Callable[[Int[Array, "q 2"]], Float[Array, "q entities"]]


def both_directions(
    triples: Int[np.ndarray, "n 3"], relations: int
) -> tuple[Queries, Int[np.ndarray, " 2n"]]:
    """Queries of triples, those for tails before those for heads, and the answers wanted."""
    head, relation, tail = triples.T
    tails = np.stack([head, relation], 1)
    heads = np.stack([tail, relation + relations], 1)
    return np.concatenate([tails, heads]), np.concatenate([tail, head])


@dataclass(frozen=True)
class Known:
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
    def of(cls, splits: Iterable[Int[np.ndarray, "n 3"]], relations: int) -> Known:
        """Of the triples of all splits, each once, in both directions."""
        triples = np.unique(np.concatenate(list(splits)), axis=0)
        queries, answers = both_directions(triples, relations)
        keys = _keys(queries, relations)
        order = np.argsort(keys, kind="stable")
        keys, starts = np.unique(keys[order], return_index=True)
        return cls(keys, np.append(starts, len(answers)), answers[order], relations)

    def spans(self, queries: Queries) -> tuple[Int[np.ndarray, " q"], Int[np.ndarray, " q"]]:
        """Where the answers of each query begin and end; an empty span for an unknown one."""
        wanted = _keys(queries, self.relations)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        here = self.keys[place] == wanted
        start = np.where(here, self.starts[place], 0)
        return start, np.where(here, self.starts[place + 1], 0)


def ranks(
    score: Score,
    queries: Queries,
    targets: Int[np.ndarray, " queries"],
    known: Known,
    *,
    entities: int,
    chunk_scores: int = CHUNK_SCORES,
) -> Float[np.ndarray, " queries"]:
    """The rank of each target among the entities that are no other known answer of its query.

    An entity with the same score counts as half a place: a tie gets its expected rank. A score that
    is not a number ranks last. `score` is called within `jax.jit`, on chunks of one shape.

    Args:
        score: scores of every entity as answer, for a chunk of queries.
        queries, targets: in the order of the ranks.
        known: what is true.
        entities: number of entities.
        chunk_scores: scores to hold at a time, at least those of one query.
    """
    count = len(queries)
    size = max(1, min(count, chunk_scores // entities))
    starts, ends = known.spans(queries)
    room = max(
        (int((ends - starts)[place : place + size].sum()) for place in range(0, count, size)),
        default=0,
    )
    step = jax.jit(partial(_chunk_ranks, score))
    found = []
    for place in range(0, count, size):
        chosen = np.minimum(np.arange(place, place + size), count - 1)  # one shape for all
        true = _pairs(known, starts[place : place + size], ends[place : place + size], room, size)
        found.append(step(queries[chosen], targets[chosen], *true))
    return np.concatenate([np.zeros(0), *map(np.asarray, found)])[:count]


def _chunk_ranks(
    score: Score,
    queries: Int[Array, "q 2"],
    targets: Int[Array, " q"],
    rows: Int[Array, " p"],
    answers: Int[Array, " p"],
) -> Float[Array, " q"]:
    scores = score(queries)
    wanted = jnp.take_along_axis(scores, targets[:, None], 1)
    # The target is among the answers; where it is not known, it must not rank against itself.
    rivals = jnp.ones(scores.shape, bool).at[rows, answers].set(False, mode="drop")
    rivals = rivals.at[jnp.arange(len(targets)), targets].set(False)
    above = jnp.sum(rivals & ~(scores <= wanted), 1)
    beside = jnp.sum(rivals & (scores == wanted), 1)
    return 1.0 + above + beside / 2


def _pairs(
    known: Known,
    starts: Int[np.ndarray, " q"],
    ends: Int[np.ndarray, " q"],
    room: int,
    missing: int,
) -> tuple[Int[np.ndarray, " room"], Int[np.ndarray, " room"]]:
    """(row, answer) of every true answer of a chunk; rows past the chunk where there are fewer."""
    lengths = ends - starts
    rows = np.full(room, missing, np.int32)
    answers = np.zeros(room, np.int32)
    total = int(lengths.sum())
    rows[:total] = np.repeat(np.arange(len(starts)), lengths)
    within = np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    answers[:total] = known.answers[np.repeat(starts, lengths) + within]
    return rows, answers


def _keys(queries: Queries, relations: int) -> Int[np.ndarray, " q"]:
    return queries[:, 0].astype(np.int64) * (2 * relations) + queries[:, 1]


def summary(found: Float[np.ndarray, " queries"]) -> Mapping[str, float]:
    """MR, MRR and Hits@1, 3 and 10 of ranks; zeros where there is none."""
    if not len(found):
        return {"mr": 0.0, "mrr": 0.0, **{f"hits@{k}": 0.0 for k in HITS}}
    hits = {f"hits@{k}": float((found <= k).mean()) for k in HITS}
    return {"mr": float(found.mean()), "mrr": float((1 / found).mean()), **hits}
