"""Word-pair relation tagging: quintuples as one matrix of tags, and back.

Cell (i, j) of the matrix is the tag of words i and j: a type where both are of one entity, which
fills the entity's own block; a relation where i is of the head and j of the tail; else 0.

A cell holds one tag, so the matrix holds entities that do not overlap and one relation from an
entity to another. `taggable` says what is kept of labels that are more than that: of overlapping
entities the longest, and of several relations the one that the vocabulary lists first. What is
left out is out of the tags alone: scores count it as missed (see `metrics`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary

Matrix = Int[np.ndarray, "words words"]
Logits = Float[np.ndarray, "words words tags"]

CERTAIN = 1e3
"""The logit of a tag that is known, beside 0 for the others."""


@dataclass(frozen=True)
class Priors:
    """What the labels of a training split say of any sentence, whatever its tags.

    Attributes:
        touching: log odds against an entity that starts where another ends, at least 0. Without
            them names fall apart, because what a word is by itself is surer than that two words
            are of one entity; with odds that are too high, one of two that touch is lost.
        once: relations that hold between two entities in one direction, and are never told in both.
    """

    touching: float = 0.0
    once: frozenset[int] = frozenset()

    @classmethod
    def estimate(
        cls, labels: Iterable[Labels], relations: Sequence[str], symmetric: Collection[str]
    ) -> Priors:
        """The priors of a training split.

        Of MNRE's 7,560 entities 16 start where another ends: odds of e^6.2. The logarithm is
        rounded to a tenth, which is more than such counts can tell. A relation is told once if
        training has no pair of entities with it both ways; a symmetric one, for which the second
        way says nothing new, also if fewer than half of its pairs are told both ways.

        Args:
            labels: of each sentence.
            relations: names of the vocabulary.
            symmetric: names of relations that hold both ways.
        """
        entities = touching = 0
        pairs, both = np.zeros(len(relations), np.int64), np.zeros(len(relations), np.int64)
        for one in labels:
            kept = taggable(one)
            entities += len(kept.entities)
            touching += sum(a.end == b.start for a, b in pairwise(sorted(kept.entities)))
            for quintuple in kept.quintuples:
                again = Quintuple(quintuple.tail, quintuple.head, quintuple.relation)
                if again not in kept.quintuples:
                    pairs[quintuple.relation] += 1
                elif quintuple.head < quintuple.tail:
                    pairs[quintuple.relation] += 1
                    both[quintuple.relation] += 1
        holds_both_ways = np.array([name in symmetric for name in relations], bool)
        once = (both == 0) | (holds_both_ways & (2 * both < pairs))
        odds = max(entities - touching, 1) / max(touching, 0.5)
        return cls(
            max(round(float(np.log(odds)), 1), 0.0),
            frozenset(np.flatnonzero(once).tolist()),
        )


def taggable(labels: Labels) -> Labels:
    """The part of `labels` that a matrix holds.

    Entities are taken from the longest to the shortest, the leftmost of equals first and then the
    lowest type, each if it overlaps none taken. Quintuples keep their ends or go.
    """
    entities: list[Entity] = []
    for entity in sorted(labels.entities, key=lambda e: (e.start - e.end, e.start, e.type)):
        if not any(map(entity.overlaps, entities)):
            entities.append(entity)
    kept = set(entities)
    found: dict[tuple[Entity, Entity], Quintuple] = {}
    for quintuple in sorted(labels.quintuples):
        if quintuple.head in kept and quintuple.tail in kept and quintuple.head != quintuple.tail:
            found.setdefault((quintuple.head, quintuple.tail), quintuple)
    return Labels(frozenset(kept), frozenset(found.values()))


def encode(labels: Labels, words: int, vocabulary: Vocabulary) -> Matrix:
    """The tags of every pair of a sentence's words.

    Args:
        labels: any; the matrix is that of `taggable(labels)`.
        words: of the sentence, at least as many as the last entity needs.
        vocabulary: gives the tags of types and relations.
    """
    kept = taggable(labels)
    number = {entity: place for place, entity in enumerate(sorted(kept.entities), start=1)}
    owner = np.zeros(words, np.int32)  # the entity of each word; 0 for none
    tags = np.zeros((len(number) + 1, len(number) + 1), np.int32)
    for entity, place in number.items():
        owner[entity.start : entity.end] = place
        tags[place, place] = 1 + entity.type
    for quintuple in kept.quintuples:
        ends = number[quintuple.head], number[quintuple.tail]
        tags[ends] = vocabulary.first_relation + quintuple.relation
    return tags[owner[:, None], owner[None, :]]


@dataclass(frozen=True)
class Decoded:
    """What a matrix says, each with its probability: the geometric mean over its cells.

    A quintuple has the cells of its relation and of the blocks of both of its ends.
    """

    entities: dict[Entity, float]
    quintuples: dict[Quintuple, float]

    @property
    def labels(self) -> Labels:
        return Labels(frozenset(self.entities), frozenset(self.quintuples))


def decode_tags(tags: Matrix, vocabulary: Vocabulary) -> Labels:
    """What a matrix of tags says; the inverse of `encode`, and defined for any matrix."""
    logits = np.zeros((*tags.shape, len(vocabulary.tags)))
    np.put_along_axis(logits, tags[..., None].astype(np.int64), CERTAIN, axis=-1)
    return decode(logits, vocabulary, Priors()).labels


def decode(logits: Logits, vocabulary: Vocabulary, priors: Priors) -> Decoded:
    """The likeliest entities that do not overlap, then the likeliest relation of each two of them.

    Cells are taken as independent, as the paper's loss does (Eq. 12), but for those of a pair of
    words and of the same pair the other way round, which tell one thing twice, and count half each.
    A span's score is the log odds of its type against no type, summed over its block; the best set
    of spans, less `priors.touching` where two of them touch, is found by dynamic programming. A
    relation's score is its log odds against N, summed over head × tail; one of `priors.once` that
    is likeliest both ways of a pair stays where its score is higher. Sums over rectangles come from
    running sums, so the time is O(words² tags) whatever is in them.
    """
    if not logits.size:
        return Decoded({}, {})
    logp = _log_softmax(logits.astype(np.float64))
    types, relations = (
        logp[..., 1 : vocabulary.first_relation],
        logp[..., vocabulary.first_relation :],
    )
    untyped = np.logaddexp.reduce(
        np.concatenate([logp[..., :1], relations], axis=-1), axis=-1, keepdims=True
    )
    halves = 0.5 + 0.5 * np.eye(len(logp))[..., None]
    entities = _segment(_SummedAreaTable(halves * (types - untyped)), priors.touching)
    starts = np.array([entity.start for entity in entities], np.int64)
    ends = np.array([entity.end for entity in entities], np.int64)
    block_sums = _SummedAreaTable(types).over(starts, ends, starts, ends)
    totals = block_sums[np.arange(len(entities)), [entity.type for entity in entities]]
    cells = (ends - starts) ** 2
    confident = dict(zip(entities, np.exp(totals / np.maximum(cells, 1)).tolist(), strict=True))
    rectangle = (starts[:, None], ends[:, None], starts[None, :], ends[None, :])
    odds = _SummedAreaTable(relations - logp[..., :1]).over(*rectangle)
    certain = _SummedAreaTable(relations).over(*rectangle)
    likeliest = odds.argmax(-1)
    found = {}
    for h, t in zip(*np.nonzero(_told(odds.max(-1), likeliest, priors.once)), strict=True):
        relation = int(likeliest[h, t])
        area = cells[h] + cells[t] + (ends[h] - starts[h]) * (ends[t] - starts[t])
        mean = (totals[h] + totals[t] + certain[h, t, relation]) / area
        found[Quintuple(entities[h], entities[t], relation)] = float(np.exp(mean))
    return Decoded(confident, found)


def _told(
    score: Float[np.ndarray, "entities entities"],
    relation: Int[np.ndarray, "entities entities"],
    once: Collection[int],
) -> Bool[np.ndarray, "entities entities"]:
    """Which pairs have their likeliest relation: of the two ways of `once`, that of higher score.

    The one whose head comes first stays where both are equal.
    """
    told = (score > 0) & ~np.eye(len(score), dtype=bool)
    twice = told & told.T & (relation == relation.T) & np.isin(relation, list(once))
    second = (score < score.T) | ((score == score.T) & np.tri(len(score), k=-1, dtype=bool))
    return told & ~(twice & second)


class _SummedAreaTable:
    """Sums over rectangles of cells, by inclusion and exclusion of running sums."""

    def __init__(self, values: Float[np.ndarray, "words words channels"]):
        self.words = len(values)
        self._running = np.zeros((self.words + 1, self.words + 1, values.shape[-1]))
        self._running[1:, 1:] = values.cumsum(0).cumsum(1)

    def over(
        self,
        top: Int[np.ndarray, "..."],
        bottom: Int[np.ndarray, "..."],
        left: Int[np.ndarray, "..."],
        right: Int[np.ndarray, "..."],
    ) -> Float[np.ndarray, "... channels"]:
        """The sums over rows [top, bottom) and columns [left, right)."""
        sums = self._running
        return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]


def _segment(scores: _SummedAreaTable, touching: float) -> list[Entity]:
    """The spans that do not overlap, of the largest sum of blocks less what touching costs."""
    words = scores.words
    start, end = np.indices((words + 1, words + 1))
    blocks = np.where((start < end)[..., None], scores.over(start, end, start, end), -np.inf)
    type_of, score = blocks.argmax(-1), blocks.max(-1)
    free, closed = np.zeros(words + 1), np.full(words + 1, -np.inf)  # an entity ends there or not
    entering = np.zeros(words + 1)  # the best of the words before an entity
    first = np.zeros(words + 1, np.int64)  # the start of the entity that ends there
    for stop in range(1, words + 1):
        totals = entering[:stop] + score[:stop, stop]
        first[stop] = totals.argmax()
        free[stop] = max(free[stop - 1], closed[stop - 1])
        closed[stop] = totals.max()
        entering[stop] = max(free[stop], closed[stop] - touching)
    entities, stop, cost = [], words, 0.0
    while stop > 0:
        if closed[stop] - cost > free[stop]:
            begin = int(first[stop])
            entities.append(Entity(begin, stop, int(type_of[begin, stop])))
            stop, cost = begin, touching
        else:
            stop, cost = stop - 1, 0.0
    return entities[::-1]


def _log_softmax(logits: Logits) -> Logits:
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
