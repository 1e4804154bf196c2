"""What a step minimises: Eq. 9 of ROAM §4.3, of the queries of a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.data import unpack
from remote_jax.roam.model import Encoded, Roam
from remote_jax.roam.objective import LOSSES, query_weights
from remote_jax.task import Batch


def loss(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L of Eq. 9, and what makes the routers' potentials those of their plans.

    Args:
        batch: `query`, and `known` of all entities or, with negatives, `answer`.
        settings: `model` of the config.
    """
    draw = negatives if settings.negatives else all_entities
    queries, encoded, entities, true = draw(model, batch, settings, rngs)
    candidates, candidates_routed = model.candidates(entities, rngs)
    head, routed = model.heads(encoded, queries, rngs)
    scores = model.scores(queries, head, candidates, rngs)
    losses = LOSSES[settings.loss](scores, true, smoothing=settings.smoothing)
    power = 0.0 if settings.negatives else settings.answers  # a row a triple, or a query
    triple = jnp.mean(losses * query_weights(true, power))
    transport, dual = model.routing_losses(routed, candidates_routed)
    whole = triple + settings.router.weight * transport
    # The potentials alone feel the dual, whose value would only blur the loss.
    whole += dual - jax.lax.stop_gradient(dual)
    return whole, {"triple_loss": triple, "transport_loss": transport}


Drawn = tuple[Int[Array, "b 2"], Encoded, Encoded, Bool[Array, "b n"]]
"""Queries whose heads are places in what is encoded first, candidates, which of them are true."""


def all_entities(model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs) -> Drawn:
    """Every entity is a candidate."""
    del settings, rngs
    encoded = model.encode()
    return batch["query"], encoded, encoded, unpack(batch["known"], model.entities)


def negatives(model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs) -> Drawn:
    """The answers in the batch are candidates, and random entities.

    The other answers in the batch to the same query are true too; one that is drawn counts as
    false, as does what other batches alone have.
    """
    queries, answers = batch["query"], batch["answer"]
    drawn = jax.random.randint(rngs.negatives(), (settings.negatives,), 0, model.entities)
    asked = jnp.concatenate([answers, drawn])
    encoded = model.encode(jnp.concatenate([queries[:, 0], asked]))
    same = (queries[:, None] == queries).all(-1)
    true = (asked == answers[:, None]) | jnp.pad(same, ((0, 0), (0, len(drawn))))
    places = queries.at[:, 0].set(jnp.arange(len(queries)))
    return places, encoded, encoded.after(len(queries)), true
