"""Names of a graph by id and ids by name, and what is known of them, for questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from remote_jax.roam.data.nearest import Names
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.ranking import KnownAnswers

PSEUDOCOUNT = 0.1
"""Training triples that each relation of an entity has beside those that there are."""


class Lookup:
    """Ids of the names of a graph, its triples, and what the model was made for.

    Attributes:
        known: the triples, to mark answers.
        modalities: names of those that the model has, in its order.
        loss: "softmax" or "sigmoid".
    """

    def __init__(self, graph: Graph, modalities: Sequence[str] = (), loss: str = "softmax"):
        train = graph.splits["train"]
        trained = np.zeros(len(graph.relations), bool)
        trained[train[:, 1]] = True
        self.entities = Vocabulary("entity", graph.entities, graph.seen)
        self.relations = Vocabulary("relation", graph.relations, trained)
        self.known = KnownAnswers.from_splits(graph.splits.values(), len(graph.relations))
        self.modalities, self.loss = tuple(modalities), loss
        self._trained = KnownAnswers.from_splits([train], len(graph.relations))

    def vocabulary(self, part: str) -> Vocabulary:
        """That of a part of a triple: "head", "relation" or "tail"."""
        return self.relations if part == "relation" else self.entities

    def directed(self, head: int, relation: int, tail: int) -> tuple[Target, Target]:
        """A triple as two queries with their targets: for its tail, and for its head."""
        inverse = relation + len(self.relations.names)
        return ((head, relation), tail), ((tail, inverse), head)

    def relation_shares(self, entity: int) -> Float[np.ndarray, "2 relations"]:
        """Shares of the relations among the training triples with an entity as head, and as tail.

        Each relation counts `PSEUDOCOUNT` more triples than it has.
        """
        directed = 2 * len(self.relations.names)
        first = np.searchsorted(self._trained.keys, entity * directed + np.arange(directed))
        places = np.minimum(first, len(self._trained.keys) - 1)
        there = self._trained.keys[places] == entity * directed + np.arange(directed)
        counts = np.where(there, np.diff(self._trained.starts)[places], 0) + PSEUDOCOUNT
        by_end = counts.reshape(2, -1)
        return by_end / by_end.sum(1, keepdims=True)


Target = tuple[tuple[int, int], int]
"""A query, as `ranking` has it, and an answer to it."""


class Vocabulary:
    """Ids of known names, and the nearest names to unknown ones.

    Attributes:
        kind: "entity" or "relation".
        names, trained: of each id its name, and whether a training triple has it.
        ids: of each name.
    """

    def __init__(self, kind: str, names: tuple[str, ...], trained: Bool[np.ndarray, " n"]):
        self.kind, self.names, self.trained = kind, names, trained
        self.ids = {name: place for place, name in enumerate(names)}

    @cached_property
    def nearest(self) -> Names:
        """An index of the names, made when first asked for."""
        return Names(self.names)
