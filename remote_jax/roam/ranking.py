"""Filtered ranking of the entities that may complete a query, and what is reported of it.

A query is (head, relation, ?). The queries (?, relation, tail) are those of reciprocal relations:
relation + R stands for the inverse of relation, where R is the number of relations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

HITS = (1, 3, 10)

CHUNK = 2**14
"""Candidates that are scored at once."""

SLABS = 64
"""Devices, or a multiple of them, that may share the candidates of a chunk."""

Tree = TypeVar("Tree")

Queries = Int[np.ndarray, "queries 2"]


def both_directions(
    triples: Int[np.ndarray, "n 3"], relations: int
) -> tuple[Queries, Int[np.ndarray, " 2n"]]:
    """Queries of triples, those for tails before those for heads, and the answers wanted."""
    head, relation, tail = triples.T
    tails = np.stack([head, relation], 1)
    heads = np.stack([tail, relation + relations], 1)
    return np.concatenate([tails, heads]), np.concatenate([tail, head])


@dataclass(frozen=True)
class KnownAnswers:
    """The true answers of every query, to leave out of a ranking ("filtered").

    Attributes:
        keys: sorted; of a query (head, relation) it is head · 2R + relation.
        starts: where the answers of each key begin in `answers`, and their number at the end.
        answers: entities, those of a query side by side.
        relations: R.
    """

    keys: Int[np.ndarray, " k"]
    starts: Int[np.ndarray, " k+1"]
    answers: Int[np.ndarray, " n"]
    relations: int

    @classmethod
    def from_splits(cls, splits: Iterable[Int[np.ndarray, "n 3"]], relations: int) -> KnownAnswers:
        """Of the triples of all splits, each once, in both directions."""
        triples = np.unique(np.concatenate(list(splits)), axis=0)
        queries, answers = both_directions(triples, relations)
        keys = _keys(queries, relations)
        order = np.argsort(keys, kind="stable")
        keys, starts = np.unique(keys[order], return_index=True)
        return cls(keys, np.append(starts, len(answers)), answers[order], relations)

    def answers_to(self, query: Int[np.ndarray, "2"]) -> Int[np.ndarray, " a"]:
        """The answers of one query; none for an unknown one."""
        wanted = _keys(query[None], self.relations)[0]
        place = int(np.searchsorted(self.keys, wanted))
        if place == len(self.keys) or self.keys[place] != wanted:
            return self.answers[:0]
        return self.answers[self.starts[place] : self.starts[place + 1]]


def above_and_beside(
    scores: Float[Array, "q c"], wanted: Float[Array, " q"], rivals: Bool[Array, "q c"]
) -> tuple[Int[Array, " q"], Int[Array, " q"]]:
    """How many rivals have a higher score than the one wanted, and how many the same.

    Where one of the two is not a number, the rival is above.
    """
    wanted = wanted[:, None]
    return jnp.sum(rivals & ~(scores <= wanted), 1), jnp.sum(rivals & (scores == wanted), 1)


def _keys(queries: Queries, relations: int) -> Int[np.ndarray, " q"]:
    return queries[:, 0].astype(np.int64) * (2 * relations) + queries[:, 1]


def summary(found: Float[np.ndarray, " queries"]) -> Mapping[str, float]:
    """MR, MRR and Hits@1, 3 and 10 of ranks; zeros where there is none."""
    if not len(found):
        return {"mr": 0.0, "mrr": 0.0, **{f"hits@{k}": 0.0 for k in HITS}}
    hits = {f"hits@{k}": float((found <= k).mean()) for k in HITS}
    return {"mr": float(found.mean()), "mrr": float((1 / found).mean()), **hits}


@dataclass(frozen=True)
class Chunks:
    """Entities as they are scored: in chunks of the same size, so that no more is held at once.

    Entities are cut into `SLABS` slabs, and a chunk has a piece of each, so that devices which
    share the table of candidates share every chunk. A single chunk is in one piece.

    Attributes:
        count: of the chunks.
        pieces: of a chunk.
        piece: entities in a piece; a multiple of 8 where there are several chunks, whose packed
            bits are then whole bytes.
    """

    count: int
    pieces: int
    piece: int

    @classmethod
    def of(cls, entities: int) -> Chunks:
        """The fewest chunks of at most `CHUNK` entities, which is a multiple of 8 · `SLABS`."""
        count = -(-entities // CHUNK)
        if count <= 1:
            return cls(1, 1, entities)
        return cls(count, SLABS, 8 * -(-entities // (8 * SLABS * count)))

    @property
    def size(self) -> int:
        """Entities of a chunk."""
        return self.pieces * self.piece

    @property
    def filled(self) -> int:
        """Entities of all chunks, with those that only fill the last ones."""
        return self.count * self.size

    def take(
        self, array: Array, number: int | Int[Array, ""], *, axis: int, bits: int = 1
    ) -> Array:
        """What an array has of the entities of a chunk.

        Args:
            array: with `filled` entities along the axis, or as many bits.
            number: of the chunk.
            bits: entities in a number of the array; 8 where it is packed.
        """
        if self.count == 1:
            return array
        before, after = array.shape[:axis], array.shape[axis + 1 :]
        apart = array.reshape(*before, self.pieces, self.count, self.piece // bits, *after)
        chosen = jax.lax.dynamic_index_in_dim(apart, number, axis + 1, keepdims=False)
        return chosen.reshape(*before, self.size // bits, *after)

    def entities(self, number: int | Int[Array, ""]) -> Int[Array, " size"]:
        """The ids of the entities of a chunk, ascending."""
        starts = (jnp.arange(self.pieces) * self.count + number) * self.piece
        return (starts[:, None] + jnp.arange(self.piece)).reshape(-1)

    def known(
        self, bits: UInt8[Array, "b bytes"], number: int | Int[Array, ""]
    ) -> Bool[Array, "b size"]:
        """Which entities of a chunk are known.

        Args:
            bits: packed, of `filled` entities.
        """
        return unpack(self.take(bits, number, axis=1, bits=8), self.size)

    def fold(
        self, of_chunk: Callable[[int | Int[Array, ""]], Tree], merge: Callable[[Tree, Tree], Tree]
    ) -> Tree:
        """What is found in the chunks, one after another, merged into one."""
        return jax.lax.fori_loop(
            1, self.count, lambda number, found: merge(found, of_chunk(number)), of_chunk(0)
        )


def pack(answers: Int[np.ndarray, " a"], entities: int) -> UInt8[np.ndarray, " bytes"]:
    """A bit an entity, set for the answers: a batch of masks is small enough to send.

    Args:
        entities: their number, or that of `Chunks.filled` where they are ranked.
    """
    bits = np.zeros(entities, bool)
    bits[answers] = True
    return np.packbits(bits, bitorder="little")


def unpack(bits: UInt8[Array, "b bytes"], entities: int) -> Bool[Array, "b n"]:
    """What `pack` packed, for a batch, on the device."""
    wide = jnp.unpackbits(bits, axis=1, bitorder="little")
    return wide[:, :entities].astype(bool)
