"""What ROAM reads and answers, for an export."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from remote_jax.task import Interface

WHAT = (
    "ROAM reads a question, an entity and a relation, and scores every entity of its graph as an "
    "answer."
)


def interface(relations: int) -> Interface:
    """A query; `relations` is the number of them without their reciprocals."""
    about = {
        "query": "number of an entity in entities.json, and of a relation in relations.json to ask "
        f"for tails; the same number plus {relations} asks for heads",
        "scores": "of each entity of entities.json; what the graph already has is not left out",
        "probabilities": "of each entity, as the loss of training reads its score",
    }
    return Interface(WHAT, {"query": jax.ShapeDtypeStruct((2,), jnp.int32)}, about)


PROBABILITIES = {"softmax": jax.nn.softmax, "sigmoid": jax.nn.sigmoid}
"""Of scores, by the name of the loss."""
