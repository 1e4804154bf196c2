"""What a step minimises: Eq. 9 of ROAM §4.3, of the queries of a batch, and a penalty."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int
from ml_collections import ConfigDict

from remote_jax.roam.model import routing
from remote_jax.roam.model.entities import EncodedEntities, Routing
from remote_jax.roam.model.objective import LOSSES, Counts, query_weights
from remote_jax.roam.model.roam import Roam
from remote_jax.roam.ranking import unpack
from remote_jax.task import GAUGE, Batch
from remote_jax.training.gradients.rows import ROWS


def loss(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """L of Eq. 9, and what makes the routers' potentials those of their plans.

    Args:
        batch: `query`, and `known` of all entities or, with negatives, `answer`.
        settings: `model` of the config.
    """
    make = sampled_candidates if settings.negatives else all_entities
    asked = make(model, batch, settings, rngs)
    candidates, candidates_routed = model.candidates(asked.entities, rngs)
    head, routed = model.heads(asked.heads, asked.queries, rngs)
    scores = model.scores(asked.queries, head, routed, candidates, rngs)
    power = 0.0 if settings.negatives else settings.answers  # a row a triple, or a query
    weights = query_weights(asked.true, power)
    of_scores = partial(_mean_loss, asked=asked, weights=weights, settings=settings)
    triple = of_scores(scores.whole)
    transport, dual = routing_losses(model, routed, candidates_routed)
    whole = triple + settings.router.weight * transport
    if scores.by_modality is not None and settings.modality_loss:
        alone = sum(of_scores(x) for x in scores.by_modality)
        whole += settings.modality_loss * alone
    if any(settings.penalty.values()):
        answers, true = candidates.first(asked.answers), asked.true[:, : asked.answers]
        factors = model.penalty(asked.queries, head, answers, true, settings.penalty)
        whole += jnp.mean(factors * weights)
    # The potentials alone feel the dual, whose value would only blur the loss.
    whole += dual - jax.lax.stop_gradient(dual)
    return whole, {"triple_loss": triple, "transport_loss": transport, **gauges(model, routed)}


def routing_losses(
    model: Roam, queries: Routing, candidates: Routing
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """L_OT of Eq. 11, and what makes the potentials those of the plans (`Router.dual`)."""
    router = model.query_router
    transport = routing.transport_loss(
        queries.shares, queries.cost, router.epsilon, contrast=model.contrast
    )
    dual = router.dual(queries.cost) + model.candidate_router.dual(candidates.cost)
    return transport, dual


def gauges(model: Roam, routed: Routing) -> dict[str, Float[Array, ""]]:
    """How far the shares of a batch together are from those of each query by itself, from 0 to 1.

    The first are what is trained, the second what a query gets afterwards.
    """
    alone = model.query_router(routed.cost, balanced=False)
    gap = 0.5 * jnp.abs(routed.shares - alone).sum(-2).mean()
    return {f"{GAUGE}router/balance_gap": jax.lax.stop_gradient(gap)}


@dataclass(frozen=True)
class TrainingCandidates:
    """What the queries of a batch are scored against.

    Attributes:
        queries: their heads are places in `heads`.
        heads: entities that are asked about, encoded.
        entities: candidates, encoded.
        true: which candidates are true answers.
        answers: how many candidates, from the first on, can be true answers.
        counts: how many entities a candidate stands for; None: each for itself.
    """

    queries: Int[Array, "b 2"]
    heads: EncodedEntities
    entities: EncodedEntities
    true: Bool[Array, "b n"]
    answers: int
    counts: Counts = None


def _mean_loss(
    scores: Float[Array, "b n"],
    *,
    asked: TrainingCandidates,
    weights: Float[Array, " b"],
    settings: ConfigDict,
) -> Float[Array, ""]:
    make = LOSSES[settings.loss]
    return jnp.mean(make(scores, asked.true, asked.counts, smoothing=settings.smoothing) * weights)


def all_entities(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> TrainingCandidates:
    """Every entity is a candidate."""
    del settings
    encoded = model.encode(rngs=rngs)
    true = unpack(batch["known"], model.entities)
    return TrainingCandidates(batch["query"], encoded, encoded, true, model.entities)


def sampled_candidates(
    model: Roam, batch: Batch, settings: ConfigDict, rngs: nnx.Rngs
) -> TrainingCandidates:
    """A query's own answer and entities that are drawn, the same for the whole batch.

    Each drawn entity stands for its share of all, so that the loss estimates that of all. Answers
    of others in the batch don't count: entities with many triples would be drawn more often than
    others, and so be pushed down. A query's own answer, if drawn too, is not counted twice.
    """
    queries, answers = batch["query"], batch["answer"]
    count = len(queries)
    entities = entities_read(batch, settings.negatives, model.entities, rngs)
    drawn = entities[2 * count :]
    places = jnp.searchsorted(batch[ROWS], entities) if ROWS in batch else None
    encoded = model.encode(entities, rngs, places)
    own = jnp.eye(count, dtype=bool)
    others = jnp.where(drawn == answers[:, None], 0.0, model.entities / len(drawn))
    return TrainingCandidates(
        queries=queries.at[:, 0].set(jnp.arange(count)),
        heads=encoded,
        entities=encoded.skip(count),
        true=jnp.pad(own, ((0, 0), (0, len(drawn)))),
        answers=count,
        counts=jnp.concatenate([own.astype(jnp.float32), others], 1),
    )


def entities_read(
    batch: Batch, negatives: int, entities: int, rngs: nnx.Rngs
) -> Int[Array, " 2*b+n"]:
    """Heads and answers of the queries, and so many entities that are drawn.

    Args:
        rngs: not used before.
    """
    drawn = jax.random.randint(rngs.negatives(), (negatives,), 0, entities)
    return jnp.concatenate([batch["query"][:, 0], batch["answer"], drawn])
