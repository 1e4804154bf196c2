"""Types of mentions: those extracted, and those that the relations they take part in name."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from remote_jax.graph.extraction import Extraction, types_of

Types = Int[np.ndarray, " mentions"]


def inferred(extraction: Extraction) -> Types:
    """The type of each mention that its likeliest triplet names, a place in the vocabulary.

    `/per/org/member_of` says that its head is a `per`. It is 0 where no triplet names one.
    """
    place = {name: number for number, name in enumerate(extraction.types)}
    named = np.array(
        [[place[kind] for kind in types_of(name)] for name in extraction.relations], np.int64
    ).reshape(-1, 2)
    triplets = extraction.triplets
    rows = np.concatenate([triplets.head, triplets.tail])
    kinds = np.concatenate([named[triplets.relation, 0], named[triplets.relation, 1]])
    order = np.lexsort((-kinds, np.tile(triplets.probability, 2)))
    order = order[kinds[order] > 0]
    found = np.zeros(len(extraction.mentions), np.int64)
    found[rows[order]] = kinds[order]  # the last of a mention stays
    return found


def settled(keys: Types, types: Types, inferred: Types, share: float) -> Types:
    """The type that each mention counts as.

    It is the mention's own where that is frequent among the mentions of the name, or else the one
    that is inferred where that is frequent, or else the most frequent one. Types that were inferred
    do not set mentions of a name apart; they count where no mention of the name has another.

    Args:
        keys: of the mentions' names.
        types: that were extracted; 0 where none was.
        inferred: 0 where none is.
        share: of a key's mentions with a type that one needs to be frequent.
    """
    known = types > 0
    span = int(max(types.max(initial=0), inferred.max(initial=0))) + 1
    count = int(keys.max(initial=-1)) + 1
    main = most_frequent(keys, inferred, count)
    extracted = most_frequent(keys, types, count)
    main = np.where(extracted > 0, extracted, main)[keys]
    pairs, counts = np.unique(keys[known] * span + types[known], return_counts=True)
    totals = np.bincount(keys[known], minlength=count)
    frequent = pairs[counts >= share * totals[pairs // span]]
    own = np.where(known, types, inferred)
    return np.where(np.isin(keys * span + own, frequent), own, main)


def most_frequent(keys: Types, types: Types, count: int) -> Int[np.ndarray, " keys"]:
    """The most frequent type of each key, the first in the vocabulary of several; 0 without any."""
    found = np.zeros(count, np.int64)
    known = types > 0
    pairs, counts = np.unique(np.stack([keys[known], types[known]]), axis=1, return_counts=True)
    order = np.lexsort((-pairs[1], counts))
    found[pairs[0, order]] = pairs[1, order]  # the last of a key, the most frequent, stays
    return found
