"""What REMOTE finds in a post: the relation of every pair of its arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from remote_jax.data.images import Box
from remote_jax.data.posts import Answer, plain


@dataclass(frozen=True)
class EntityArgument:
    """An entity of the post: its name, and its span [start, end) as it was given."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class ObjectArgument:
    """An object of the post: its place among `objects`, and its box."""

    object: int
    box: Box


Argument = EntityArgument | ObjectArgument


@dataclass(frozen=True)
class Relation:
    """A relation from head to tail, and its probability, calibrated on validation."""

    head: Argument
    tail: Argument
    relation: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Relations(Answer):
    """What holds between the ends of a post.

    Attributes:
        relations: those above the threshold that validation chose, the likeliest first.
        asked: how many pairs were asked about, both orders of one being two.
        threshold: the probability from which on a relation is answered.
        unread: word pieces of the sentence and captions that the model did not read of some pair,
            since they were too long; 0 where it read all.
    """

    relations: tuple[Relation, ...] = ()
    asked: int = 0
    threshold: float = 0.0
    unread: int = 0

    def _found(self) -> dict[str, Any]:
        found = {
            "relations": plain(self.relations),
            "asked": self.asked,
            "threshold": round(self.threshold, 4),
        }
        return {**found, "unread": self.unread} if self.unread else found
