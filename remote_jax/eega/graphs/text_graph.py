"""The textual graph and the matrices of the multi-channel layer, over words (appendix A; `offsets`
are not in it).

All matrices are per word; a word piece inherits its word's entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from remote_jax.eega.graphs.cooccurrence import Cooccurrence
from remote_jax.eega.graphs.trees import Parse

NO_EDGE, SELF, UNKNOWN_EDGE = 0, 1, 2
"""Types of edges before those of the vocabulary."""

UNKNOWN_POS = 1
"""Part of speech before those of the vocabulary; 0 is left for what is no word."""

MAX_DISTANCE = 20
"""Hops beyond which a path is as long as this one."""

FAR = MAX_DISTANCE + 1
"""The distance of words between which there is no path."""

DISTANCES = FAR + 1

MAX_OFFSET = 12
"""Words apart beyond which two count as this far: what matters is near, the ends of a name."""

OFFSETS = 2 * MAX_OFFSET + 1
"""How many numbers `offsets` tells apart."""


@dataclass(frozen=True)
class SyntaxLabels:
    """Names of dependencies and parts of speech that the training split has."""

    dependencies: tuple[str, ...]
    pos: tuple[str, ...]

    @classmethod
    def from_parses(cls, parses: Iterable[Parse]) -> SyntaxLabels:
        """All names in `parses`, in alphabetical order."""
        parses = list(parses)
        dependencies = {name for one in parses for name in one.dependencies}
        return cls(
            tuple(sorted(dependencies)), tuple(sorted({x for one in parses for x in one.pos}))
        )

    @property
    def edges(self) -> int:
        """How many types of edges there are."""
        return UNKNOWN_EDGE + 1 + len(self.dependencies)

    @property
    def tags(self) -> int:
        """How many parts of speech there are."""
        return UNKNOWN_POS + 1 + len(self.pos)


@dataclass(frozen=True)
class TextGraph:
    """The graph of a sentence.

    Attributes:
        adjacency: A_T; whether two words are joined, in either direction, or the same.
        edges: E_T; `NO_EDGE`, `SELF`, `UNKNOWN_EDGE`, or 3 + the place of the dependency's name.
        pos: `UNKNOWN_POS`, or 2 + the place of the part of speech.
        distance: hops between words, at most `MAX_DISTANCE`, or `FAR`.
        cooccurrence: as `Cooccurrence.levels`.
    """

    adjacency: Bool[np.ndarray, "words words"]
    edges: Int[np.ndarray, "words words"]
    pos: Int[np.ndarray, " words"]
    distance: Int[np.ndarray, "words words"]
    cooccurrence: Int[np.ndarray, "words words"]


def text_graph(
    words: Sequence[str],
    parse: Parse,
    labels: SyntaxLabels,
    cooccurrence: Cooccurrence,
    *,
    counted: bool,
) -> TextGraph:
    """The graph of a sentence.

    Args:
        words: of the sentence.
        parse: of it, as `trees.check` lets through.
        labels: of the training split; other names become unknown.
        cooccurrence: counted on the training split.
        counted: whether the sentence is of that split.
    """
    count = len(words)
    dependents = np.arange(count)
    edges = np.full((count, count), NO_EDGE, np.int32)
    types = _places(parse.dependencies, labels.dependencies, UNKNOWN_EDGE)
    edges[dependents, parse.heads] = edges[parse.heads, dependents] = types
    edges[dependents, dependents] = SELF  # also over the edge of a root to itself
    tree = coo_array((np.ones(count), (dependents, parse.heads)), shape=(count, count))
    hops = shortest_path(tree.tocsr(), directed=False, unweighted=True)
    return TextGraph(
        adjacency=edges != NO_EDGE,
        edges=edges,
        pos=_places(parse.pos, labels.pos, UNKNOWN_POS),
        distance=np.where(np.isinf(hops), FAR, np.minimum(hops, MAX_DISTANCE)).astype(np.int32),
        cooccurrence=cooccurrence.levels(words, counted=counted),
    )


def offsets(count: int) -> Int[np.ndarray, "words words"]:
    """Words from w_i to w_j, j - i, at most `MAX_OFFSET` either way, plus that: from 0."""
    places = np.arange(count, dtype=np.int32)
    return np.clip(places - places[:, None], -MAX_OFFSET, MAX_OFFSET) + MAX_OFFSET


def _places(names: Iterable[str], known: Sequence[str], unknown: int) -> Int[np.ndarray, " names"]:
    """`unknown` + 1 + the place of each name among the known, or `unknown`."""
    place = {name: unknown + 1 + i for i, name in enumerate(known)}
    return np.array([place.get(name, unknown) for name in names], np.int32)
