"""Questions of one's own, for `predict`: JSON lines in, ranked names out.

    {"id": 7, "head": "Oslo", "relation": "isLocatedIn", "top": 3}
    {"relation": "isLocatedIn", "tail": "Norway"}

The first asks for tails, the second for heads. `id` is echoed and may be left out, as may `top`,
the number of answers. Each answer says whether the graph already has that triple.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grain
import numpy as np

from remote_jax.data.files import read_lines
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.errors import Refused, UserError
from remote_jax.roam.data.nearest import Names
from remote_jax.roam.data.triples import Graph, strip_brackets
from remote_jax.roam.ranking import KnownAnswers, Queries

TOP = 10
"""Answers to a question that does not say how many it wants."""

MAX_TOP = 100
MAX_QUESTIONS = 1_000_000

MAX_SEARCHES = 100
"""Unknown names of a file for which the nearest known ones are looked up."""

KEYS = ("id", "head", "relation", "tail", "top")


@dataclass(frozen=True)
class _Question:
    """A line of the file; `error` says why there is no answer to it."""

    line: int
    id: str | int | None = None
    asked: Mapping[str, str] | None = None
    top: int = TOP
    error: str = ""


@dataclass(frozen=True)
class Questions:
    """The questions of a file.

    Attributes:
        queries: of the lines that could be read, in their order; a question for heads has the
            reciprocal relation (see `ranking`).
        known: the triples of the graph.
        entities: their names.
    """

    queries: Queries
    known: KnownAnswers
    entities: tuple[str, ...]
    _lines: tuple[_Question, ...]

    @classmethod
    def read(cls, path: Path, graph: Graph, known: KnownAnswers) -> Questions:
        """Reads and checks every line; a bad one is no error, its answer says what is wrong.

        Args:
            path: JSON lines, a question each.
            graph: whose names may be asked for.
            known: its triples, to mark answers.

        Raises:
            UserError: the file cannot be read, or has more than `MAX_QUESTIONS`.
        """
        reader = _Reader(graph)
        lines: list[_Question] = []
        for number, line in read_lines(path, MAX_LINE):
            if len(lines) == MAX_QUESTIONS:
                raise UserError(f"{path} has more than {MAX_QUESTIONS:,} questions; split it.")
            lines.append(reader.question(number, line))
        queries = np.array(reader.queries, np.int32).reshape(-1, 2)
        return cls(queries, known, graph.entities, tuple(lines))

    @property
    def dataset(self) -> grain.MapDataset:
        """`query` of each of `queries`, as the model reads it."""
        return grain.MapDataset.source(self.queries).map(lambda query: {"query": query})

    def rows(self, outputs: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
        """A line for each of the file: its answers, or the error that kept it from having any.

        Args:
            outputs: `entities` and `scores` [queries, top], the best first, of each of `dataset`;
                empty when that is.
        """
        row = 0
        for line in self._lines:
            found: dict[str, Any] = {"line": line.line}
            if line.id is not None:
                found["id"] = line.id
            if line.error:
                yield {**found, "error": line.error}
                continue
            true = self.known.answers_to(self.queries[row])
            best = outputs["entities"][row, : line.top]
            scores = outputs["scores"][row, : line.top]
            answers = [
                {"name": self.entities[entity], "score": float(score), "known": bool(known)}
                for entity, score, known in zip(best, scores, np.isin(best, true), strict=True)
            ]
            yield {**found, **(line.asked or {}), "answers": answers}
            row += 1


class _Reader:
    """Checks the lines of one file, and collects the queries of those that are good."""

    def __init__(self, graph: Graph):
        self.queries: list[tuple[int, int]] = []
        self.entities = _Vocabulary("entity", graph.entities)
        self.relations = _Vocabulary("relation", graph.relations)

    def question(self, number: int, line: bytes | Refused) -> _Question:
        id_ = None
        try:
            if isinstance(line, Refused):
                raise line
            value = parse(line)
            id_ = _check_id(value.get("id"))
            end, other = _check_keys(value)
            top = _check_top(value.get("top", TOP))
            entity = self.entities.id(check_text(value[end], repr(end)))
            relation = self.relations.id(check_text(value["relation"], "'relation'"))
        except Refused as error:
            return _Question(number, id_, error=f"{error}.")
        for_heads = other == "head"
        self.queries.append((entity, relation + for_heads * len(self.relations.names)))
        names = {end: self.entities.names[entity], "relation": self.relations.names[relation]}
        return _Question(number, id_, names, top)


class _Vocabulary:
    """Ids of known names, and the nearest names to unknown ones."""

    def __init__(self, kind: str, names: tuple[str, ...]):
        self.kind, self.names = kind, names
        self._ids = {name: place for place, name in enumerate(names)}
        self._index = Names(names)
        self._nearest: dict[str, tuple[str, ...]] = {}

    def id(self, name: str) -> int:
        """The id of a name, which may stand in angle brackets.

        Raises:
            Refused: it is unknown; the message has the nearest known ones.
        """
        for known in (name, strip_brackets(name)):
            if known in self._ids:
                return self._ids[known]
        if name not in self._nearest and len(self._nearest) < MAX_SEARCHES:
            self._nearest[name] = self._index.nearest(strip_brackets(name))
        nearest = ", ".join(map(show, self._nearest.get(name, ())))
        hint = f"; the nearest known: {nearest}" if nearest else ""
        raise Refused(f"there is no {self.kind} {show(name)}{hint}")


def _check_id(value: object) -> str | int | None:
    if value is None or type(value) is int:
        return value
    return check_text(value, "'id'")


def _check_keys(value: Mapping[Any, Any]) -> tuple[str, str]:
    """The end that a question gives, and the one that it asks for."""
    odd = [key for key in value if key not in KEYS]
    if odd:
        raise Refused(f"{show(odd[0])} is none of the keys of a question: {', '.join(KEYS)}")
    if "relation" not in value:
        raise Refused("a question needs a 'relation'")
    if ("head" in value) == ("tail" in value):
        raise Refused("a question needs either 'head' (to ask for tails) or 'tail' (for heads)")
    return ("head", "tail") if "head" in value else ("tail", "head")


def _check_top(value: object) -> int:
    if type(value) is not int or not 1 <= value <= MAX_TOP:
        raise Refused(f"'top' must be a whole number from 1 to {MAX_TOP}, found {show(value)}")
    return value
