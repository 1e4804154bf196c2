"""ROAM's answers: the entities or relations that complete a question, or what a triple scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remote_jax.data.posts import Answer, plain


@dataclass(frozen=True)
class Candidate:
    """An entity or relation that may complete a question.

    Attributes:
        name: of the graph.
        score: of an entity the model's logit, of a relation the logarithm of what is made of both
            directions; higher is likelier. Scores of two questions are not comparable.
        probability: from 0 to 1, at the temperature chosen on validation: that this entity holds
            if one does that the graph does not have; of a known one, if it were not known. Those of
            all relations, known or not, sum to 1. The page on ROAM says more.
        known: whether the graph has that triple already.
        untrained: whether no training triple has it; only features tell anything of an entity then,
            and nothing of a relation.
    """

    name: str
    score: float
    probability: float
    known: bool
    untrained: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON; `untrained` only where it is true."""
        return {key: value for key, value in plain(self).items() if key != "untrained" or value}


@dataclass(frozen=True)
class Directions:
    """A number for the tail as the answer to (head, relation, ?), one for the head likewise."""

    tail: float
    head: float


@dataclass(frozen=True)
class GroupRouting:
    """An expert group's part in a query.

    Attributes:
        share: of the query; those of all groups sum to 1.
        modalities: weight of each modality in the group, by name; they sum to 1.
    """

    share: float
    modalities: dict[str, float]


Routing = tuple[GroupRouting, ...]
"""How a query was routed, by group; as the groups of `routing.json`, which are means."""


@dataclass(frozen=True, kw_only=True)
class _About(Answer):
    """What answers share: the names of a question, and which of them are untrained."""

    head: str | None = None
    relation: str | None = None
    tail: str | None = None
    untrained: tuple[str, ...] = ()

    def _found(self) -> dict[str, Any]:
        names = {"head": self.head, "relation": self.relation, "tail": self.tail}
        asked = {part: name for part, name in names.items() if name is not None}
        return asked | ({"untrained": list(self.untrained)} if self.untrained else {})


@dataclass(frozen=True, kw_only=True)
class Candidates(_About):
    """The best answers to a question that lacks a tail, a head or a relation, the best first.

    Attributes:
        head, relation, tail: the names that the question has, as the graph has them.
        untrained: which of "head", "relation" and "tail" no training triple has. The answer then
            rests on an entity's features alone, or on nothing.
        answers: as many as were wanted, where there are as many.
        routing: of the query, a `GroupRouting` a group, where it was asked for.
    """

    answers: tuple[Candidate, ...] = ()
    routing: Routing | None = None

    def _found(self) -> dict[str, Any]:
        found = super()._found() | {"answers": [one.to_dict() for one in self.answers]}
        return found if self.routing is None else found | {"routing": plain(self.routing)}


@dataclass(frozen=True, kw_only=True)
class ScoredTriple(_About):
    """What the model makes of a triple.

    Attributes:
        head, relation, tail: the names that the question has, as the graph has them.
        untrained: which of "head", "relation" and "tail" no training triple has. The answer then
            rests on an entity's features alone, or on nothing.
        score: the model's logits.
        probability: as that of a `Candidate`.
        rank: filtered, as in the evaluation: the place among the entities that are no other known
            answer, from 1; equal scores share the mean of their places.
        known: whether the graph has the triple.
        routing: of the query for tails and of that for heads, by "tail" and "head", where it was
            asked for.
    """

    score: Directions | None = None
    probability: Directions | None = None
    rank: Directions | None = None
    known: bool = False
    routing: dict[str, Routing] | None = None

    def _found(self) -> dict[str, Any]:
        parts = {"score": self.score, "probability": self.probability, "rank": self.rank}
        found = super()._found() | {key: plain(value) for key, value in parts.items()}
        found["known"] = self.known
        if self.routing is not None:
            found["routing"] = {end: plain(one) for end, one in self.routing.items()}
        return found
