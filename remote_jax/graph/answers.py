"""Answers to questions about a graph: what posts state, and what ROAM infers.

graph = reading.read(folder)
answer = ask(graph, Question("Gatika Bamorel", "member_of"), predictor=remote_jax.load(run))
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from remote_jax.data.posts import Answer
from remote_jax.errors import Refused
from remote_jax.graph.entities import Entity
from remote_jax.graph.extraction import types_of
from remote_jax.graph.reading import Fact, KnowledgeGraph, Statement

MAX_PATHS = 3
"""Paths that are shown for an inferred answer."""
MAX_MIDDLES = 10_000
"""Neighbours through which paths are looked for."""
MAX_TOP, EXTRA = 10_000, 20
"""ROAM is asked for so many times as many answers as are wanted, since types rule some out."""


class Predictor(Protocol):
    """What `remote_jax.load` gives for a run of ROAM."""

    def predict(self, posts: Sequence[Any], /) -> Sequence[Answer]:
        """An answer to each question."""
        ...


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        entity: an id, a name or an alias.
        relation: its full name, or the last part if one relation alone has it.
        tail: whether the entity is the tail, and heads are asked for.
        top: how many inferred answers are wanted.
    """

    entity: str
    relation: str
    tail: bool = False
    top: int = 10


@dataclass(frozen=True)
class Link:
    """A fact on a path, with names for ids."""

    fact: str
    head: str
    relation: str
    tail: str
    probability: float


@dataclass(frozen=True)
class Candidate:
    """An entity that answers a question.

    Attributes:
        stated: whether posts state it; else it is inferred.
        posts: that state it, the most probable first.
        support: their number, of which `posts` may be a part.
        contradicted: names of the other answers to a question that has one answer.
        paths: of an inferred one the facts that lead from the entity asked about to it, directly
            or through a third, the most probable path first.
        around: where there is no path, the most probable fact about each of the two.
    """

    id: str
    name: str
    type: str
    probability: float
    stated: bool
    posts: tuple[Statement, ...] = ()
    support: int = 0
    first: str | None = None
    last: str | None = None
    contradicted: tuple[str, ...] = ()
    paths: tuple[tuple[Link, ...], ...] = ()
    around: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Answers:
    """The answers to a question, the stated ones first.

    Attributes:
        entity, relation, tail: what was asked, by the names of the graph.
        note: why there are no inferred answers, where there are none; "" otherwise.
    """

    entity: Entity
    relation: str
    tail: bool
    answers: tuple[Candidate, ...]
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The values of JSON."""
        asked = {"id": self.entity.id, "name": self.entity.name, "type": self.entity.type}
        return {
            "tail" if self.tail else "head": asked,
            "relation": self.relation,
            "answers": [_plain(one) for one in self.answers],
            **({"note": self.note} if self.note else {}),
        }


def _plain(one: Candidate) -> dict[str, Any]:
    found = {**vars(one), "posts": [vars(post) for post in one.posts]}
    found["contradicted"] = list(one.contradicted)
    found["paths"] = [[vars(link) for link in path] for path in one.paths]
    found["around"] = [vars(link) for link in one.around]
    inferred = ("paths", "around")
    only = inferred if one.stated else ("posts", "support", "first", "last", "contradicted")
    return {key: value for key, value in found.items() if key not in only}


def ask(graph: KnowledgeGraph, question: Question, predictor: Predictor | None = None) -> Answers:
    """Answers a question.

    Args:
        predictor: a model of ROAM that was trained on the graph's `roam/`, if there is one.

    Raises:
        Refused: the graph has no such entity or relation, or several.
    """
    (found,) = ask_many(graph, [question], predictor)
    if isinstance(found, Refused):
        raise found
    return found


def ask_many(
    graph: KnowledgeGraph, questions: Sequence[Question], predictor: Predictor | None = None
) -> list[Answers | Refused]:
    """Answers questions; each has the answer that it would have by itself, or why it has none.

    Args:
        predictor: as that of `ask`. It is called once, with all of the questions.
    """
    resolved = [_resolved(graph, one) for one in questions]
    asked = [one for one in resolved if isinstance(one, _Resolved)]
    replies: Iterator[Answer] = iter(())
    if predictor is not None and asked:
        replies = iter(predictor.predict([one.query for one in asked]))
    return [
        one if isinstance(one, Refused) else _answers(graph, one, next(replies, None))
        for one in resolved
    ]


@dataclass(frozen=True)
class _Resolved:
    """A question by what the graph has."""

    entity: Entity
    relation: str
    tail: bool
    top: int

    @property
    def query(self) -> dict[str, Any]:
        """The question to ROAM."""
        part = "tail" if self.tail else "head"
        top = min(MAX_TOP, EXTRA * self.top)
        return {part: self.entity.label, "relation": self.relation, "known": False, "top": top}


def _resolved(graph: KnowledgeGraph, question: Question) -> _Resolved | Refused:
    try:
        entity, relation = graph.entity(question.entity), graph.relation(question.relation)
    except Refused as error:
        return error
    return _Resolved(entity, relation, question.tail, question.top)


def _answers(graph: KnowledgeGraph, asked: _Resolved, reply: Answer | None) -> Answers:
    """The answers to a question.

    Args:
        reply: of ROAM, if there is a model of it.
    """
    stated = list(_stated(graph, asked.entity, asked.relation, asked.tail))
    stated.sort(key=lambda one: (-one.probability, one.id))
    inferred: list[Candidate] = []
    note = graph.too_small or "no trained run of ROAM was given"
    if reply is not None:
        inferred, note = _inferred(graph, asked, reply, {one.id for one in stated})
    return Answers(asked.entity, asked.relation, asked.tail, (*stated, *inferred), note)


def _other(graph: KnowledgeGraph, fact: Fact, entity: str, tail: bool) -> str | None:
    """The other end of a fact, if it answers a question about an entity."""
    if (fact.tail if tail else fact.head) == entity:
        return fact.head if tail else fact.tail
    if fact.relation in graph.both_ways and entity in (fact.head, fact.tail):
        return fact.tail if tail else fact.head
    return None


def _stated(
    graph: KnowledgeGraph, entity: Entity, relation: str, tail: bool
) -> Iterator[Candidate]:
    for fact in graph.facts_of(entity.id):
        other = _other(graph, fact, entity.id, tail) if fact.relation == relation else None
        if other is not None:
            one = graph.entities[other]
            rivals = (graph.facts[id_] for id_ in fact.contradicts if id_ in graph.facts)
            yield Candidate(
                *(one.id, one.name, one.type, fact.probability, True, fact.posts, fact.support),
                first=fact.first,
                last=fact.last,
                contradicted=tuple(graph.entities[rival.tail].name for rival in rivals),
            )


def _inferred(
    graph: KnowledgeGraph, asked: _Resolved, reply: Answer, known: set[str]
) -> tuple[list[Candidate], str]:
    """ROAM's answers that no post states, of the type that the relation names.

    With them why there are none, if so.
    """
    if reply.error is not None:
        return [], f"ROAM does not answer: {reply.error}"
    wanted = types_of(asked.relation)[0 if asked.tail else 1]
    found: list[tuple[Entity, float]] = []
    for candidate in reply.to_dict()["answers"]:
        one = graph.labels.get(candidate["name"])
        if one is None:
            return [], (
                f"the run knows {candidate['name'][:80]!r}, which the graph does not: train it on "
                "the roam folder of this graph"
            )
        fits = not wanted or one.type in ("", wanted)
        if fits and one.id not in known and one.id != asked.entity.id:
            found.append((one, float(candidate["probability"])))
    answers = [_explained(graph, asked.entity, *pair) for pair in found[: asked.top]]
    return answers, "" if answers else "ROAM has no further answer"


def _explained(graph: KnowledgeGraph, entity: Entity, one: Entity, probability: float) -> Candidate:
    """An inferred answer with what leads to it."""
    paths = tuple(paths_between(graph, entity.id, one.id))
    best = (_ranked(graph.facts_of(end.id))[:1] for end in (entity, one))
    around = tuple(_link(graph, fact) for facts in best for fact in facts)
    return Candidate(
        *(one.id, one.name, one.type, probability, False),
        paths=paths,
        around=() if paths else around,
    )


def paths_between(graph: KnowledgeGraph, one: str, two: str) -> list[tuple[Link, ...]]:
    """The facts that lead from one entity to another, directly or through a third.

    A path is as probable as all of its facts together; the most probable ones are given.
    """
    ours, theirs = _by_neighbour(graph, one), _by_neighbour(graph, two)
    found: list[tuple[Fact, ...]] = [(fact,) for fact in ours.get(two, [])[:MAX_PATHS]]
    middles = [middle for middle in ours if middle in theirs and middle not in (one, two)]
    found += [(ours[middle][0], theirs[middle][0]) for middle in middles[:MAX_MIDDLES]]
    found.sort(key=lambda path: (-_probability(path), [fact.id for fact in path]))
    return [tuple(_link(graph, fact) for fact in path) for path in found[:MAX_PATHS]]


def _by_neighbour(graph: KnowledgeGraph, entity: str) -> dict[str, list[Fact]]:
    """The facts about an entity by the other end, the most probable first."""
    found: dict[str, list[Fact]] = {}
    for fact in _ranked(graph.facts_of(entity)):
        found.setdefault(fact.tail if fact.head == entity else fact.head, []).append(fact)
    return found


def _ranked(facts: Sequence[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: (-fact.probability, fact.id))


def _probability(path: Sequence[Fact]) -> float:
    return math.prod(fact.probability for fact in path)


def _link(graph: KnowledgeGraph, fact: Fact) -> Link:
    head, tail = graph.entities[fact.head].name, graph.entities[fact.tail].name
    return Link(fact.id, head, fact.relation, tail, fact.probability)
