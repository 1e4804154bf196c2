"""What ROAM reads and answers, for an export."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from remote_jax.task import Interface

DESCRIPTION = (
    "ROAM reads a question, an entity and a relation, and scores every entity of its graph as an "
    "answer."
)

POST = {"head": "name of an entity", "relation": "name of a relation", "top": 3}


def interface(entities: int, relations: int) -> Interface:
    """A query of so many entities and, without their reciprocals, relations."""
    fields = {
        "query": "number of an entity in entities.json, and of a relation in relations.json to ask "
        f"for tails; the same number plus {relations} asks for heads",
        "scores": "of each entity of entities.json; what the graph already has is not left out",
        "probabilities": "of each entity, as the loss of training reads its score, at the "
        "temperature of calibration.json; nothing is left out, so that known answers take their "
        "share of a softmax",
    }
    ranges = {"query": ((0, entities - 1), (0, 2 * relations - 1))}
    query = jax.ShapeDtypeStruct((2,), jnp.int32)
    return Interface(DESCRIPTION, {"query": query}, fields, post=POST, ranges=ranges)


PROBABILITIES = {"softmax": jax.nn.softmax, "sigmoid": jax.nn.sigmoid}
"""Of scores, by the name of the loss."""
