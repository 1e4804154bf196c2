"""Names that a BERT finds similar, as their sentences are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.graph.extraction import Extraction
from remote_jax.graph.linking.groups import Groups
from remote_jax.graph.names import clean, shown
from remote_jax.reporting.progress import working

SENTENCES = 2
"""Sentences that a name is read with, at most."""

BLOCK = 1024
"""Names that are compared with all others at a time; it bounds the memory."""

Pairs = tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]
"""Two groups each, and their cosine."""


@dataclass(frozen=True)
class Read:
    """What an encoder reads of a group, and where the group is.

    Attributes:
        name: one that is no abbreviation.
        context: sentences in which it stands.
        posts: all that mention it, by abbreviations too.
    """

    name: str
    context: str
    posts: frozenset[int]


def read(
    extraction: Extraction,
    groups: Groups,
    resolved: Int[np.ndarray, " n"],
    chosen: Sequence[int],
) -> list[Read]:
    """What is read of each of some groups.

    Args:
        resolved: of each mention of an entity the group that it is an abbreviation of, or -1.
    """
    mentions = extraction.mentions
    owners = np.where(resolved >= 0, resolved, groups.of)
    order = np.lexsort((resolved >= 0, owners))
    starts = np.searchsorted(owners[order], np.arange(len(groups.keys) + 1))
    found = []
    for one in chosen:
        rows = groups.rows[order[starts[one] : starts[one + 1]]]  # abbreviations come last
        posts = np.unique(mentions.post[rows]).tolist()
        sentences = (shown(clean(extraction.posts.texts[post])) for post in posts[:SENTENCES])
        name = shown(extraction.names[mentions.name[rows[0]]])
        found.append(Read(name, " ".join(sentences), frozenset(posts)))
    return found


def similar(
    vectors: Float[np.ndarray, "groups dim"], types: Int[np.ndarray, " groups"], least: float
) -> Pairs:
    """Groups each of which is the other's nearest one of a compatible type.

    Args:
        vectors: of length one, or of zeros where a group has none.
        types: 0 where a type is not known, which is compatible with all.
        least: cosine of a pair.
    """
    count = len(vectors)
    nearest, cosine = np.full(count, -1, np.int64), np.full(count, -1.0)
    for start in range(0, count if count > 1 else 0, BLOCK):
        rows = np.arange(start, min(start + BLOCK, count))
        scores = vectors[rows] @ vectors.T
        scores[~_compatible(types[rows], types)] = -1
        scores[np.arange(len(rows)), rows] = -1
        nearest[rows] = scores.argmax(1)
        cosine[rows] = scores.max(1)
    one = np.arange(count)
    mutual = (one < nearest) & (nearest[nearest] == one) & (cosine >= least)
    return one[mutual], nearest[mutual], np.clip(cosine[mutual], 0, 1)


def _compatible(
    one: Int[np.ndarray, " rows"], two: Int[np.ndarray, " groups"]
) -> Bool[np.ndarray, "rows groups"]:
    return (one[:, None] == two) | (one[:, None] == 0) | (two == 0)


def by_encoder(
    extraction: Extraction,
    groups: Groups,
    resolved: Int[np.ndarray, " n"],
    chosen: Sequence[int],
    encoder: str,
    least: float,
) -> Pairs:
    """The similar pairs among some groups.

    Their similarity is the mean of the cosine of their names and of that of their sentences. Two
    names that one post has are of two entities.

    Args:
        resolved: as of `read`.
        chosen: places of the groups.
        encoder: folder or hub name of a BERT.
        least: cosine of a pair.

    Raises:
        UserError: the encoder is missing or malformed.
    """
    with working("loading the encoder of names"):
        from remote_jax.roam.data.text import encode  # imports jax

    found = read(extraction, groups, resolved, chosen)
    parts = [encode([getattr(one, part) for one in found], encoder) for part in ("name", "context")]
    vectors = np.concatenate(parts, axis=1) / np.sqrt(2)
    places = np.array(chosen, np.int64)
    one, two, cosine = similar(vectors, np.array(groups.types, np.int64)[places], least)
    apart = [not found[x].posts & found[y].posts for x, y in zip(one, two, strict=True)]
    rows = np.flatnonzero(apart)
    return places[one[rows]], places[two[rows]], cosine[rows]
