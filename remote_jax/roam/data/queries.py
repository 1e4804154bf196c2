"""User-supplied queries, for `predict`: JSON lines in, ranked names or the rank of a triple out.

    {"id": 7, "head": "Oslo", "relation": "isLocatedIn", "top": 3}
    {"relation": "isLocatedIn", "tail": "Norway", "known": false}
    {"head": "Oslo", "tail": "Norway"}
    {"head": "Oslo", "relation": "isLocatedIn", "tail": "Norway"}

The first asks for tails, the second for heads that the graph does not have, the third for
relations, and the last for the score and the rank of a triple (`data.posts.Query`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np

from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.jsonl import check_text, show
from remote_jax.data.posts import QUERY_KEYS, Answer, Id, Values, checked
from remote_jax.errors import Refused, UserError
from remote_jax.roam.answers import Candidates
from remote_jax.roam.data.lookup import Lookup, Vocabulary
from remote_jax.roam.data.questions import (
    EntityQuestion,
    Outputs,
    Question,
    RelationQuestion,
    Row,
    TripleQuestion,
)
from remote_jax.roam.data.triples import strip_brackets
from remote_jax.roam.outputs import PAGE, PAGES
from remote_jax.roam.ranking import Chunks, pack

PARTS = ("head", "relation", "tail")

TOP = 10
"""Answers to a question that does not say how many it wants."""

MAX_TOP = PAGE * PAGES
MAX_NUMBER = 10**18
"""Whole numbers below are taken for names."""
MAX_ROWS = 1_000_000
"""Questions of a file, or a call; one that takes several rows of the model counts for each."""

MAX_SEARCHES = 100
"""Unknown names of a file, or a call, for which the nearest known ones are looked up."""


@dataclass(frozen=True)
class Questions:
    """Questions that are read and checked; see `read`."""

    _lookup: Lookup
    _questions: tuple[tuple[Id, Question | str], ...]

    @classmethod
    def read(cls, questions: Iterable[Values], lookup: Lookup) -> Questions:
        """Reads and checks every question; a bad one is no error, its answer says what is wrong.

        Args:
            questions: as the head of this file has them.
            lookup: of the graph that is asked about.

        Raises:
            UserError: they take more than `MAX_ROWS`.
        """
        found: list[tuple[Id, Question | str]] = []
        rows = 0
        for id_, one in checked(questions, _Reader(lookup).question, QUERY_KEYS):
            rows += 1 if isinstance(one, str) else one.rows
            if rows > MAX_ROWS:
                raise UserError(
                    f"There are more than {MAX_ROWS:,} questions, where one with 'top' counts for "
                    f"each {PAGE} answers, and one for relations for each relation twice; split "
                    "them."
                )
            found.append((id_, one))
        return cls(lookup, tuple(found))

    @property
    def dataset(self) -> Mapped[dict[str, Any]]:
        """The rows of all questions that could be read, as `outputs.query_outputs` reads them.

        All rows have the same keys: those that any of the questions needs.
        """
        return Mapped(self._rows, dict)

    @property
    def buckets(self) -> None:
        """None: rows are not padded."""

    @cached_property
    def _rows(self) -> _Rows:
        return _Rows(tuple(q for _, q in self._questions if not isinstance(q, str)), self._lookup)

    def answers(self, outputs: Outputs) -> Iterator[Answer]:
        """The answers to each question, or the error that kept it from having any.

        Args:
            outputs: of each row of `dataset`, with what a calibration adds; empty when that is.
        """
        start = 0
        for id_, question in self._questions:
            if isinstance(question, str):
                yield Candidates(id=id_, error=question)
                continue
            stop = start + question.rows
            own = {name: values[start:stop] for name, values in outputs.items()}
            yield question.answer(id_, own, self._lookup)
            start = stop


class _Rows:
    """Random access to the rows of questions."""

    def __init__(self, questions: tuple[Question, ...], lookup: Lookup):
        self.questions, self.known = questions, lookup.known
        self.filled = Chunks.of(len(lookup.entities.names)).filled
        self.ends = np.cumsum([one.rows for one in questions], dtype=np.int64)
        first = [one.row(0) for one in questions]
        self.targets = any(row.target is not None for row in first)
        self.best = any(row.target is None for row in first)
        self.paged = any(isinstance(one, EntityQuestion) and one.rows > 1 for one in questions)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """`query` and `known`; `target`, `new` and `page` where any question needs them."""
        row = self._row(int(index))
        query = np.array(row.query, np.int32)
        example: dict[str, Any] = {"query": query}
        example["known"] = pack(self.known.answers_to(query), self.filled)
        if self.targets:
            example["target"] = np.int32(row.target or 0)
        if self.best:
            example["new"] = np.bool_(row.new)
        if self.paged:
            example["page"] = np.int32(row.page)
        return example

    def _row(self, index: int) -> Row:
        place = int(np.searchsorted(self.ends, index, side="right"))
        question = self.questions[place]
        return question.row(index - int(self.ends[place]) + question.rows)


class _Reader:
    """Checks the questions of a file or a call."""

    def __init__(self, lookup: Lookup):
        self.lookup = lookup
        self.searched: dict[tuple[str, str], str] = {}

    def question(self, value: Mapping[str, Any]) -> Question:
        """A question.

        Raises:
            Refused: something in it is wrong.
        """
        given = [part for part in PARTS if part in value]
        if len(given) < 2:
            said = f"only {given[0]!r}" if given else "none of them"
            raise Refused(
                "a question needs two of 'head', 'relation' and 'tail', to ask for the third, or "
                f"all three, to ask about that triple; found {said}"
            )
        routing = _check_switch(value, "routing", default=False)
        if len(given) == len(PARTS):
            return self._triple(value, routing)
        top = _check_top(value.get("top", TOP))
        new = not _check_switch(value, "known", default=True)
        if "relation" in given:
            return self._entity(value, given, top, new, routing)
        if routing:
            raise Refused(
                "'routing' tells how a query is routed, which takes a relation: give 'relation', "
                "or leave 'routing' out"
            )
        ids = self._ids(value, given)
        relations = len(self.lookup.relations.names)
        return RelationQuestion(ids["head"], ids["tail"], relations, min(top, relations), new)

    def _entity(
        self, value: Mapping[str, Any], given: list[str], top: int, new: bool, routing: bool
    ) -> EntityQuestion:
        ids = self._ids(value, given)
        for_heads = "tail" in given
        entity = ids["tail" if for_heads else "head"]
        query = (entity, ids["relation"] + for_heads * len(self.lookup.relations.names))
        most = min(top, len(self.lookup.entities.names))
        return EntityQuestion(query, ids, most, new, routing)

    def _triple(self, value: Mapping[str, Any], routing: bool) -> TripleQuestion:
        for key in ("top", "known"):
            if key in value:
                raise Refused(
                    f"{key!r} is for a question that lacks a part, and this one has 'head', "
                    f"'relation' and 'tail': leave {key!r} out, or the part that you ask for"
                )
        ids = self._ids(value, PARTS)
        return TripleQuestion(ids, self.lookup.directed(**ids), routing)

    def _ids(self, value: Mapping[str, Any], given: Iterable[str]) -> dict[str, int]:
        """The id of each part that is given."""
        return {
            part: self.id(self.lookup.vocabulary(part), check_text(_name(value[part]), repr(part)))
            for part in given
        }

    def id(self, vocabulary: Vocabulary, name: str) -> int:
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


def _name(value: object) -> object:
    """A whole number as the name that it is in a graph of numbers; anything else as it is."""
    return str(value) if type(value) is int and abs(value) < MAX_NUMBER else value


def _check_top(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_TOP:
        raise Refused(f"'top' must be a whole number from 1 to {MAX_TOP:,}, found {show(value)}")
    return value


def _check_switch(value: Mapping[str, Any], key: str, *, default: bool) -> bool:
    found = value.get(key, default)
    if type(found) is not bool:
        raise Refused(f"{key!r} must be true or false, found {show(found)}")
    return found
