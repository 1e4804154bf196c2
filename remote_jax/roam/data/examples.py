"""Queries of a graph as examples: distinct ones to train on, one a triple and direction to rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex

import grain
import numpy as np
from jaxtyping import Int

from remote_jax.roam.data.triples import Graph
from remote_jax.roam.ranking import Chunks, KnownAnswers, both_directions, pack


@dataclass(frozen=True)
class Queries:
    """Random access to queries, for `grain`; see `training` and `ranked`.

    Attributes:
        queries: head and relation, in the convention of `ranking`.
        targets: the answer to rank of each query; None in training.
        known: answers of a query: those of the training triples, or all that are true.
        entities: their number, or that of all chunks where they are ranked.
        calibrate: whether a temperature is chosen by these queries.
    """

    queries: Int[np.ndarray, "q 2"]
    targets: Int[np.ndarray, " q"] | None
    known: KnownAnswers
    entities: int
    calibrate: bool = False

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """`query`, `known` as packed bits over the entities, `target` and `calibrates`."""
        query = self.queries[index]
        example = {"query": query, "known": pack(self.known.answers_to(query), self.entities)}
        if self.targets is not None:
            example["target"] = self.targets[index]
        if self.calibrate:
            example["calibrates"] = np.bool_(True)
        return example


def distinct_queries(graph: Graph) -> grain.MapDataset:
    """Distinct queries of the training triples in both directions, with all their answers."""
    relations = len(graph.relations)
    known = KnownAnswers.from_splits([graph.splits["train"]], relations)
    heads, directed = np.divmod(known.keys, 2 * relations)
    queries = np.stack([heads, directed], 1).astype(np.int32)
    return grain.MapDataset.source(Queries(queries, None, known, len(graph.entities)))


@dataclass(frozen=True)
class SingleAnswerQueries:
    """Random access to queries with one answer each, for `grain`.

    Attributes:
        queries, answers: of every training triple, in both directions.
    """

    queries: Int[np.ndarray, "q 2"]
    answers: Int[np.ndarray, " q"]

    def __len__(self) -> int:
        return len(self.queries)

    def __getitem__(self, index: SupportsIndex) -> dict[str, Any]:
        """`query` and `answer`."""
        return {"query": self.queries[index], "answer": self.answers[index]}


def single_answer_queries(graph: Graph) -> grain.MapDataset:
    """Both queries of every training triple, whose candidates are drawn in the step."""
    queries, answers = both_directions(graph.splits["train"], len(graph.relations))
    return grain.MapDataset.source(SingleAnswerQueries(queries, answers))


def ranking_queries(graph: Graph, split: str, known: KnownAnswers) -> grain.MapDataset:
    """Both queries of every triple of a split, in the order of `both_directions`."""
    queries, targets = both_directions(graph.splits[split], len(graph.relations))
    calibrate = split == "validation"
    filled = Chunks.of(len(graph.entities)).filled
    return grain.MapDataset.source(Queries(queries, targets, known, filled, calibrate))


def format_query(graph: Graph, query: Int[np.ndarray, "2"]) -> str:
    """A query as a person reads it, with a question mark for what it asks."""
    inverse, relation = divmod(int(query[1]), len(graph.relations))
    entity, name = graph.entities[int(query[0])], graph.relations[relation]
    return f"(?, {name}, {entity})" if inverse else f"({entity}, {name}, ?)"
