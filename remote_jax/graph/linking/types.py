"""Types of mentions: as extracted, or else as the relations that they take part in name them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from remote_jax.graph.extraction import Extraction, types_of

Types = Int[np.ndarray, " mentions"]


def of_mentions(extraction: Extraction) -> Types:
    """The type of each mention, a place in the vocabulary.

    One that was extracted without a type has that which its likeliest triplet names, if any does:
    `/per/org/member_of` says that its head is a `per`.
    """
    place = {name: number for number, name in enumerate(extraction.types)}
    named = np.array(
        [[place[kind] for kind in types_of(name)] for name in extraction.relations], np.int64
    ).reshape(-1, 2)
    triplets = extraction.triplets
    rows = np.concatenate([triplets.head, triplets.tail])
    kinds = np.concatenate([named[triplets.relation, 0], named[triplets.relation, 1]])
    probability = np.tile(triplets.probability, 2)
    order = np.lexsort((-kinds, probability))
    order = order[kinds[order] > 0]
    found = np.zeros(len(extraction.mentions), np.int64)
    found[rows[order]] = kinds[order]  # the last of a mention stays
    return np.where(extraction.mentions.type > 0, extraction.mentions.type, found)


def settled(keys: Int[np.ndarray, " n"], types: Int[np.ndarray, " n"], share: float) -> Types:
    """The types of mentions once rare ones and unknown ones have joined the frequent ones.

    Args:
        keys: of the mentions' names.
        types: of the mentions; 0 where it is not known.
        share: of a key's mentions of a known type that a type needs to stay.

    Returns:
        Of each mention its own type where that is frequent among those of its key, or else the
        most frequent one; 0 where no mention of the key has a type.
    """
    known = types > 0
    span = int(types.max(initial=0)) + 1
    pairs, counts = np.unique(keys[known] * span + types[known], return_counts=True)
    totals = np.bincount(pairs // span, counts, minlength=int(keys.max(initial=0)) + 1)
    frequent = pairs[counts >= share * totals[pairs // span]]
    order = np.lexsort((-pairs, counts))
    main = np.zeros(len(totals), np.int64)
    main[(pairs // span)[order]] = (pairs % span)[order]  # the last, the most frequent, stays
    stays = known & np.isin(keys * span + types, frequent)
    return np.where(stays, types, main[keys])
