"""Names that a BERT finds similar, each read with sentences in which it stands."""

from __future__ import annotations

from collections.abc import Sequence

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


def texts(extraction: Extraction, groups: Groups, chosen: Sequence[int]) -> list[str]:
    """What is read of each of some groups: a name, a colon, and sentences of it."""
    mentions, wanted = extraction.mentions, set(chosen)
    order = np.argsort(groups.of, kind="stable")
    starts = np.searchsorted(groups.of[order], np.arange(len(groups.keys) + 1))
    found = {}
    for one in wanted:
        rows = groups.rows[order[starts[one] : starts[one + 1]]]
        posts = np.unique(mentions.post[rows])[:SENTENCES].tolist()
        sentences = " ".join(shown(clean(extraction.posts.texts[post])) for post in posts)
        found[one] = f"{shown(extraction.names[mentions.name[rows[0]]])}: {sentences}"
    return [found[one] for one in chosen]


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
    extraction: Extraction, groups: Groups, chosen: Sequence[int], encoder: str, least: float
) -> Pairs:
    """The similar pairs among some groups.

    Args:
        chosen: places of the groups, the answers' too.
        encoder: folder or hub name of a BERT.
        least: cosine of a pair.

    Raises:
        UserError: the encoder is missing or malformed.
    """
    with working("loading the encoder of names"):
        from remote_jax.roam.data.text import encode  # imports jax

    vectors = encode(texts(extraction, groups, chosen), encoder)
    places = np.array(chosen, np.int64)
    one, two, cosine = similar(vectors, np.array(groups.types, np.int64)[places], least)
    return places[one], places[two], cosine
