"""What a step minimises: Eq. 9 of ROAM §4.3, of the queries of a batch, and a penalty."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import moseg, objective
from remote_jax.roam.model.entities import Candidates, EncodedEntities
from remote_jax.roam.model.objective import LOSSES, energy, query_weights
from remote_jax.roam.model.roam import Roam
from remote_jax.roam.ranking import unpack
from remote_jax.task import Batch


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
    scores = model.scores(queries, head, candidates, rngs)
    losses = LOSSES[settings.loss](scores, true, smoothing=settings.smoothing)
    power = 0.0 if settings.negatives else settings.answers  # a row a triple, or a query
    counted = query_weights(true, power)
    triple = jnp.mean(losses * counted)
    transport, dual = model.routing_losses(routed, candidates_routed)
    whole = triple + settings.router.weight * transport
    if any(settings.penalty.values()):
        factors = penalty(model, queries, head, candidates, true, **settings.penalty)
        whole += jnp.mean(factors * counted)
    # The potentials alone feel the dual, whose value would only blur the loss.
    whole += dual - jax.lax.stop_gradient(dual)
    return whole, {"triple_loss": triple, "transport_loss": transport}


def penalty(
    model: Roam,
    queries: Int[Array, "b 2"],
    head: Float[Array, "b d"],
    candidates: Candidates,
    true: Bool[Array, "b n"],
    *,
    cubes: float,
    duality: float,
) -> Float[Array, " b"]:
    """N3 and DURA of a query's triples, the mean over its answers, by their weights.

    The modalities of an answer are fused by the weights that they have before a relation is known,
    so that what is made of a candidate serves every query.
    """
    heads, relations = energy(head), energy(model.relations[...][queries[:, 1]])
    answers = energy(moseg.fuse(candidates.mixed, moseg.normalised(candidates.weights)))
    of_answers = true.astype(jnp.float32) / jnp.maximum(true.sum(1), 1)[:, None]
    total = jnp.zeros(len(queries))
    if duality:
        mean = of_answers @ answers
        total += duality * objective.duality(heads, relations, mean)
    if cubes:
        mean = of_answers @ objective.cubes(answers)
        total += cubes * (objective.cubes(heads) + objective.cubes(relations) + mean)
    return total


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
