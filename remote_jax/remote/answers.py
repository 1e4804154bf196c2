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
    """The likeliest relation from head to tail, `none` included, and its probability."""

    head: Argument
    tail: Argument
    relation: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Relations(Answer):
    """The relation of every pair, of the types of pairs that the model was trained on."""

    relations: tuple[Relation, ...] = ()

    def _found(self) -> dict[str, Any]:
        return {"relations": plain(self.relations)}
