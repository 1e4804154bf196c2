"""The three kinds of question: what each asks of the model, and the answer made of its outputs.

A question takes one row of the model's inputs or several: each further page of answers is one, and
relations and triples are scored in both directions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float
from scipy.special import softmax

from remote_jax.data.posts import Answer, Id
from remote_jax.roam.answers import (
    Candidate,
    Candidates,
    Directions,
    GroupRouting,
    Routing,
    ScoredTriple,
)
from remote_jax.roam.data.lookup import Lookup, Target
from remote_jax.roam.outputs import PAGE

Outputs = Mapping[str, np.ndarray]

DIRECTIONS = ("tail", "head")


@dataclass(frozen=True)
class Row:
    """What one row asks of the model (`outputs.query_outputs`).

    Attributes:
        query: entity and directed relation.
        target: the entity to rank; None where the best answers are wanted.
        page: of the best answers.
        new: without those that are known.
    """

    query: tuple[int, int]
    target: int | None = None
    page: int = 0
    new: bool = False


class Question(Protocol):
    """A question that could be read."""

    @property
    def rows(self) -> int:
        """How many rows it takes."""

    def row(self, place: int) -> Row:
        """One of them."""

    def answer(self, id_: Id, outputs: Outputs, lookup: Lookup) -> Answer:
        """The answer.

        Args:
            id_: to come back with it.
            outputs: calibrated ones, of its rows alone.
        """


@dataclass(frozen=True)
class EntityQuestion:
    """(head, relation, ?) or (?, relation, tail).

    Attributes:
        query: as `ranking` has it: for heads with the reciprocal relation.
        parts: id of the entity and of the relation, by "head" or "tail", and "relation".
        top: how many answers are wanted, at most as many as there are entities.
        new: only those that the graph does not have.
        routing: tells how the query was routed.
    """

    query: tuple[int, int]
    parts: Mapping[str, int]
    top: int
    new: bool
    routing: bool

    @property
    def rows(self) -> int:
        """One a page."""
        return -(-self.top // PAGE)

    def row(self, place: int) -> Row:
        """A page."""
        return Row(self.query, page=place, new=self.new)

    def answer(self, id_: Id, outputs: Outputs, lookup: Lookup) -> Candidates:
        """The best entities."""
        vocabulary = lookup.entities
        columns = [
            outputs[name].reshape(-1)[: self.top].tolist()
            for name in ("entities", "scores", "probabilities", "known")
        ]
        found = [
            Candidate(
                vocabulary.names[entity], score, chance, known, not vocabulary.trained[entity]
            )
            for entity, score, chance, known in zip(*columns, strict=True)
            if not (self.new and known)
        ]
        routing = routing_of(outputs, 0, lookup) if self.routing else None
        asked = _asked(self.parts, lookup)
        return Candidates(id=id_, answers=tuple(found), routing=routing, **asked)


@dataclass(frozen=True)
class RelationQuestion:
    """(head, ?, tail): a triple of each relation, in both directions.

    Attributes:
        head, tail: ids.
        relations: their number R.
        top, new: as those of `EntityQuestion`.
    """

    head: int
    tail: int
    relations: int
    top: int
    new: bool

    @property
    def rows(self) -> int:
        """One for each relation, then one for each reciprocal relation."""
        return 2 * self.relations

    def row(self, place: int) -> Row:
        """A relation in one direction."""
        ends = (self.head, self.tail) if place < self.relations else (self.tail, self.head)
        return Row((ends[0], place), target=ends[1])

    def answer(self, id_: Id, outputs: Outputs, lookup: Lookup) -> Candidates:
        """The best relations (`_of_relations`)."""
        known = outputs["target_known"][: self.relations]
        logs = outputs["log_probability"].reshape(2, -1)
        score, chances = _of_relations(self, logs, lookup)
        order = np.argsort(-score, kind="stable")
        names, trained = lookup.relations.names, lookup.relations.trained
        found = [
            Candidate(
                names[r], float(score[r]), float(chances[r]), bool(known[r]), not bool(trained[r])
            )
            for r in order.tolist()
            if not (self.new and known[r])
        ]
        asked = _asked({"head": self.head, "tail": self.tail}, lookup)
        return Candidates(id=id_, answers=tuple(found[: self.top]), **asked)


@dataclass(frozen=True)
class TripleQuestion:
    """(head, relation, tail): what the model makes of it.

    Attributes:
        parts: ids, by part.
        directed: the query for its tail, and that for its head.
        routing: tells how both were routed.
    """

    parts: Mapping[str, int]
    directed: tuple[Target, Target]
    routing: bool

    @property
    def rows(self) -> int:
        """One a direction."""
        return len(DIRECTIONS)

    def row(self, place: int) -> Row:
        """A direction."""
        query, target = self.directed[place]
        return Row(query, target=target)

    def answer(self, id_: Id, outputs: Outputs, lookup: Lookup) -> ScoredTriple:
        """Score, probability and rank in both directions."""
        score, probability, rank = (
            Directions(*outputs[name].tolist()) for name in ("score", "probability", "rank")
        )
        routing = None
        if self.routing:
            routing = {end: routing_of(outputs, row, lookup) for row, end in enumerate(DIRECTIONS)}
        return ScoredTriple(
            id=id_,
            score=score,
            probability=probability,
            rank=rank,
            known=bool(outputs["target_known"][0]),
            routing=routing,
            **_asked(self.parts, lookup),
        )


def _of_relations(
    question: RelationQuestion,
    logs: Float[np.ndarray, "2 relations"],
    lookup: Lookup,
) -> tuple[Float[np.ndarray, " relations"], Float[np.ndarray, " relations"]]:
    """Score and probability of each relation.

    With a softmax an answer's probability is given the relation, and by Bayes' rule that of the
    relation is proportional to P(tail | head, r) P(r | head), and to P(head | r, tail) P(r | tail),
    where the second factors are shares of training triples. The score is the logarithm of the
    product of all four; probabilities are a softmax of it over all relations, so that both give
    one order. With a sigmoid a triple has a probability by itself: their geometric mean over both
    directions.

    Args:
        logs: log probabilities of the tail, and of the head.
    """
    if lookup.loss == "sigmoid":
        mean = logs.mean(0)
        return mean, np.exp(mean)
    of_head = lookup.relation_shares(question.head)[0]
    of_tail = lookup.relation_shares(question.tail)[1]
    score = logs.sum(0) + np.log(of_head) + np.log(of_tail)
    return score, softmax(score)


def _asked(parts: Mapping[str, int], lookup: Lookup) -> dict[str, Any]:
    """Names of the parts of a question, and those that no training triple has."""
    vocabularies = {part: lookup.vocabulary(part) for part in parts}
    names = {part: vocabularies[part].names[id_] for part, id_ in parts.items()}
    untrained = tuple(p for p, id_ in parts.items() if not vocabularies[p].trained[id_])
    return {**names, "untrained": untrained}


def routing_of(outputs: Outputs, row: int, lookup: Lookup) -> Routing:
    """How a row was routed."""
    shares, weights = outputs["shares"][row].tolist(), outputs["weights"][row].tolist()
    return tuple(
        GroupRouting(share, dict(zip(lookup.modalities, of_group, strict=True)))
        for share, of_group in zip(shares, weights, strict=True)
    )
