"""What clients get; keys that have nothing to say are left out."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from remote_jax.http.requests import Id


class Response(BaseModel):
    """Has no further keys."""

    model_config = ConfigDict(extra="forbid")


class Failure(Response):
    """Why there is no answer, in a sentence."""

    error: str


class NamedEntity(Response):
    """An entity of the graph."""

    id: str
    name: str
    type: str


class StatingPost(Response):
    """A post that states a fact."""

    id: str
    date: str | None
    probability: float
    text: str


class StatedFact(Response):
    """A fact of a path, with names for ids."""

    fact: str
    head: str
    relation: str
    tail: str
    probability: float


class GraphAnswer(NamedEntity):
    """An entity that answers a question: posts state it, or ROAM infers it.

    `posts` are the most probable of `support` posts. `paths` are facts that lead from the entity
    asked about to an inferred one; `around` is what is known of the two where there is no path.
    """

    probability: float
    stated: bool
    posts: list[StatingPost] = []
    support: int = 0
    first: str | None = None
    last: str | None = None
    contradicted: list[str] = []
    paths: list[list[StatedFact]] = []
    around: list[StatedFact] = []


class GraphAnswers(Response):
    """The answers to a question, the stated ones first.

    The entity asked about is under `head` or `tail`. `note` says why nothing is inferred.
    """

    id: Id | None = None
    head: NamedEntity | None = None
    tail: NamedEntity | None = None
    relation: str
    answers: list[GraphAnswer]
    note: str = ""


class FailedAnswer(Failure):
    """A question without an answer."""

    id: Id | None = None


class Batch(Response):
    """An answer to each question, in their order."""

    answers: list[GraphAnswers | FailedAnswer]


class Predicted(Response):
    """An answer to each post or query, in their order, as a line of `--mode=predict` has it.

    Of REMOTE it has `relations`, of EEGA `entities` and `quintuples`, of ROAM `answers`, or the
    `score`, `probability` and `rank` of a triple. One that could not be answered has an `error`.
    """

    system: Literal["remote", "eega", "roam"]
    answers: list[dict[str, Any]]


class FoundEntity(NamedEntity):
    """An entity with its other names."""

    aliases: list[str]
    posts: int


class FoundEntities(Response):
    """Entities of a name, and the known names that are most like it."""

    entities: list[FoundEntity]
    nearest: list[str]


class ServedGraph(Response):
    """The graph that is served."""

    folder: str
    entities: int
    facts: int


class ServedRun(Response):
    """A run that is served; another model has another checksum."""

    folder: str
    system: Literal["remote", "eega", "roam"]
    checksum: int


class Health(Response):
    """Everything is loaded and compiled."""

    status: Literal["ready"]
    version: str
    graph: ServedGraph | None
    runs: list[ServedRun]
