"""User-supplied queries, for `predict`: JSON lines in, ranked names out.

    {"id": 7, "head": "Oslo", "relation": "isLocatedIn", "top": 3}
    {"relation": "isLocatedIn", "tail": "Norway"}

The first asks for tails, the second for heads. `id` is echoed and may be left out, as may `top`,
the number of answers. Each answer says whether the graph already has that triple.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import grain
import numpy as np

from remote_jax.data.jsonl import check_text, show
from remote_jax.data.posts import QUERY_KEYS, Answer, Id, Values, checked, plain
from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.nearest import Names
from remote_jax.roam.data.triples import Graph, strip_brackets
from remote_jax.roam.ranking import KnownAnswers, Queries

TOP = 10
"""Answers to a question that does not say how many it wants."""

MAX_TOP = 100
MAX_QUESTIONS = 1_000_000

MAX_SEARCHES = 100
"""Unknown names of a file, or a call, for which the nearest known ones are looked up."""


@dataclass(frozen=True)
class Candidate:
    """An entity that may answer a query.

    Attributes:
        score: the model's logit, a number of no fixed range; higher is likelier.
        known: whether the graph has that triple already.
    """

    name: str
    score: float
    known: bool


@dataclass(frozen=True, kw_only=True)
class Candidates(Answer):
    """The best answers to a query, the best first.

    Attributes:
        head, relation, tail: what was asked for, as the graph has the names; one end is None.
        answers: as many as were wanted, where the graph has as many entities.
    """

    head: str | None = None
    tail: str | None = None
    relation: str | None = None
    answers: tuple[Candidate, ...] = ()

    def _found(self) -> dict[str, Any]:
        end = {"tail": self.tail} if self.head is None else {"head": self.head}
        return {**end, "relation": self.relation, "answers": plain(self.answers)}


@dataclass(frozen=True)
class _Question:
    """What is asked for, by name, and how many answers are wanted."""

    query: tuple[int, int]
    names: Mapping[str, str]
    top: int


@dataclass(frozen=True)
class Questions:
    """Questions that are read and checked.

    Attributes:
        queries: of those that could be read, in their order; a question for heads has the
            reciprocal relation (see `ranking`).
    """

    queries: Queries
    _lookup: Lookup
    _questions: tuple[tuple[Id, _Question | str], ...]

    @classmethod
    def read(cls, questions: Iterable[Values], lookup: Lookup) -> Questions:
        """Reads and checks every question; a bad one is no error, its answer says what is wrong.

        Args:
            questions: as the head of this file has them.
            lookup: of the graph that is asked about.

        Raises:
            UserError: there are more than `MAX_QUESTIONS`.
        """
        found = tuple(
            islice(checked(questions, _Reader(lookup).question, QUERY_KEYS), MAX_QUESTIONS + 1)
        )
        if len(found) > MAX_QUESTIONS:
            raise UserError(f"There are more than {MAX_QUESTIONS:,} questions; split them.")
        queries = [one.query for _, one in found if isinstance(one, _Question)]
        return cls(np.array(queries, np.int32).reshape(-1, 2), lookup, found)

    @property
    def dataset(self) -> grain.MapDataset:
        """`query` of each of `queries`, as the model reads it."""
        return grain.MapDataset.source(self.queries).map(lambda query: {"query": query})

    def answers(self, outputs: Mapping[str, np.ndarray]) -> Iterator[Candidates]:
        """The answers to each question, or the error that kept it from having any.

        Args:
            outputs: `entities` and `scores` [queries, top], the best first, of each of `dataset`;
                empty when that is.
        """
        row, names = 0, self._lookup.entities.names
        for id_, question in self._questions:
            if isinstance(question, str):
                yield Candidates(id=id_, error=question)
                continue
            true = self._lookup.known.answers_to(self.queries[row])
            best = outputs["entities"][row, : question.top]
            scores = outputs["scores"][row, : question.top]
            found = [
                Candidate(names[entity], float(score), bool(known))
                for entity, score, known in zip(best, scores, np.isin(best, true), strict=True)
            ]
            yield Candidates(id=id_, answers=tuple(found), **question.names)
            row += 1


class Lookup:
    """Ids of the names of a graph, and its triples.

    Attributes:
        known: the triples, to mark answers.
    """

    def __init__(self, graph: Graph):
        self.entities = _Vocabulary("entity", graph.entities)
        self.relations = _Vocabulary("relation", graph.relations)
        self.known = KnownAnswers.from_splits(graph.splits.values(), len(graph.relations))


class _Reader:
    """Checks the questions of a file or a call."""

    def __init__(self, lookup: Lookup):
        self.entities, self.relations = lookup.entities, lookup.relations
        self.searched: dict[tuple[str, str], str] = {}

    def question(self, value: Mapping[str, Any]) -> _Question:
        """A question.

        Raises:
            Refused: something in it is wrong.
        """
        end, other = _ends(value)
        top = _check_top(value.get("top", TOP))
        entity = self.id(self.entities, check_text(value[end], repr(end)))
        relation = self.id(self.relations, check_text(value["relation"], "'relation'"))
        for_heads = other == "head"
        query = (entity, relation + for_heads * len(self.relations.names))
        names = {end: self.entities.names[entity], "relation": self.relations.names[relation]}
        return _Question(query, names, top)

    def id(self, vocabulary: _Vocabulary, name: str) -> int:
        """The id of a name, which may stand in angle brackets.

        Raises:
            Refused: it is unknown; the message has the nearest known ones.
        """
        for known in (name, strip_brackets(name)):
            if known in vocabulary.ids:
                return vocabulary.ids[known]
        key = vocabulary.kind, name
        if key not in self.searched and len(self.searched) < MAX_SEARCHES:
            nearest = ", ".join(map(show, vocabulary.nearest.nearest(strip_brackets(name))))
            self.searched[key] = f"; the nearest known: {nearest}" if nearest else ""
        raise Refused(f"there is no {vocabulary.kind} {show(name)}{self.searched.get(key, '')}")


class _Vocabulary:
    """Ids of known names, and the nearest names to unknown ones."""

    def __init__(self, kind: str, names: tuple[str, ...]):
        self.kind, self.names = kind, names
        self.ids = {name: place for place, name in enumerate(names)}

    @cached_property
    def nearest(self) -> Names:
        return Names(self.names)


def _ends(value: Mapping[Any, Any]) -> tuple[str, str]:
    """The end that a question gives, and the one that it asks for."""
    if "relation" not in value:
        raise Refused("a question needs a 'relation'")
    if ("head" in value) == ("tail" in value):
        raise Refused("a question needs either 'head' (to ask for tails) or 'tail' (for heads)")
    return ("head", "tail") if "head" in value else ("tail", "head")


def _check_top(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_TOP:
        raise Refused(f"'top' must be a whole number from 1 to {MAX_TOP}, found {show(value)}")
    return value
