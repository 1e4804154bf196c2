"""Objects of pictures, which are whom `self` relations say they are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from remote_jax.graph.extraction import Extraction, last_part

SELF = "self"
"""Last part of the relations that say that two mentions are of one entity."""


def is_self(extraction: Extraction) -> np.ndarray:
    """Which triplets are `self` relations, [triplets] bool."""
    named = np.array([last_part(name) == SELF for name in extraction.relations], bool)
    return named[extraction.triplets.relation]


def of_objects(
    extraction: Extraction, least: float
) -> tuple[Int[np.ndarray, "links 2"], Float[np.ndarray, " links"]]:
    """The mention that each object is linked to, and the probability.

    It is that of the object's likeliest `self` relation to an entity, or where no entity has one
    the likeliest to another object. An object without one is not linked.

    Args:
        least: probability of a relation that links.

    Returns:
        Rows of an object and of the other mention.
    """
    triplets, is_object = extraction.triplets, extraction.mentions.is_object
    rows = np.flatnonzero(is_self(extraction) & (triplets.probability >= least))
    ends = np.stack([triplets.head[rows], triplets.tail[rows]], 1)
    ends = np.concatenate([ends, ends[:, ::-1]])
    probability = np.tile(triplets.probability[rows], 2)
    usable = is_object[ends[:, 0]] & (ends[:, 0] != ends[:, 1])
    ends, probability = ends[usable], probability[usable]
    order = np.lexsort((ends[:, 1], -probability, is_object[ends[:, 1]], ends[:, 0]))
    _, first = np.unique(ends[order, 0], return_index=True)
    return ends[order[first]], probability[order[first]]
