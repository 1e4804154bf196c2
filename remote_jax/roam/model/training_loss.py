"""What a step minimises: Eq. 9 of ROAM §4.3, of the queries of a batch, and a penalty."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model.entities import EncodedEntities, Routing
from remote_jax.roam.model.objective import LOSSES, query_weights
from remote_jax.roam.model.roam import Roam
from remote_jax.roam.ranking import unpack
from remote_jax.task import GAUGE, Batch


def loss(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L of Eq. 9, and what makes the routers' potentials those of their plans.

    Args:
        batch: `query`, and `known` of all entities or, with negatives, `answer`.
        settings: `model` of the config.
    """
    make = sampled_candidates if settings.negatives else all_entities
    queries, encoded, entities, true = make(model, batch, settings, rngs)
    candidates, candidates_routed = model.candidates(entities, rngs)
    head, routed = model.heads(encoded, queries, rngs)
    scores = model.scores(queries, head, routed, candidates, rngs)
    power = 0.0 if settings.negatives else settings.answers  # a row a triple, or a query
    counted = query_weights(true, power)
    of_scores = partial(_mean_loss, true=true, counted=counted, settings=settings)
    triple = of_scores(scores.whole)
    transport, dual = model.routing_losses(routed, candidates_routed)
    whole = triple + settings.router.weight * transport
    if scores.by_modality is not None and settings.modality_loss:
        alone = sum(of_scores(x) for x in scores.by_modality)
        whole += settings.modality_loss * alone
    if any(settings.penalty.values()):
        factors = model.penalty(queries, head, candidates, true, settings.penalty)
        whole += jnp.mean(factors * counted)
    # The potentials alone feel the dual, whose value would only blur the loss.
    whole += dual - jax.lax.stop_gradient(dual)
    return whole, {"triple_loss": triple, "transport_loss": transport, **gauges(model, routed)}


def gauges(model: Roam, routed: Routing) -> dict[str, Float[Array, ""]]:
    """How far the shares of a batch together are from those of each query by itself, from 0 to 1.

    The first are what is trained, the second what a query gets afterwards.
    """
    alone = model.query_router(routed.cost, balanced=False)
    gap = 0.5 * jnp.abs(routed.shares - alone).sum(-2).mean()
    return {f"{GAUGE}router/balance_gap": jax.lax.stop_gradient(gap)}


def _mean_loss(
    scores: Float[Array, "b n"],
    *,
    true: Bool[Array, "b n"],
    counted: Float[Array, " b"],
    settings: ConfigDict,
) -> Float[Array, ""]:
    losses = LOSSES[settings.loss](scores, true, smoothing=settings.smoothing)
    return jnp.mean(losses * counted)


TrainingCandidates = tuple[Int[Array, "b 2"], EncodedEntities, EncodedEntities, Bool[Array, "b n"]]
"""Queries whose heads are places in what is encoded first, candidates, which of them are true."""


def all_entities(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> TrainingCandidates:
    """Every entity is a candidate."""
    del settings
    encoded = model.encode(rngs=rngs)
    return batch["query"], encoded, encoded, unpack(batch["known"], model.entities)


def sampled_candidates(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> TrainingCandidates:
    """The answers in the batch are candidates, and random entities.

    The other answers in the batch to the same query are true too; one that is drawn counts as
    false, as does what other batches alone have.
    """
    queries, answers = batch["query"], batch["answer"]
    drawn = jax.random.randint(rngs.negatives(), (settings.negatives,), 0, model.entities)
    asked = jnp.concatenate([answers, drawn])
    encoded = model.encode(jnp.concatenate([queries[:, 0], asked]), rngs)
    same = (queries[:, None] == queries).all(-1)
    true = (asked == answers[:, None]) | jnp.pad(same, ((0, 0), (0, len(drawn))))
    places = queries.at[:, 0].set(jnp.arange(len(queries)))
    return places, encoded, encoded.skip(len(queries)), true
