"""What the model gives of queries beside their routing: ranks of targets, and the best answers.

A batch says by its keys what it wants. All of it is traced; with the numbers of a batch no shape
changes.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from remote_jax.roam.probabilities import log_normalisers
from remote_jax.roam.ranking import ranks, unpack
from remote_jax.task import Batch

PAGE = 100
"""Answers that a row has room for; a query that wants more is asked again for each further page."""


def query_outputs(scores: Float[Array, "b n"], batch: Batch, loss: str) -> dict[str, Array]:
    """Of each query, for the keys that the batch has beside `known`:

    `target`: its `rank`, and what `of_targets` gives.
    `new`: the best answers, of `page` if the batch has it, as `of_best` gives them.

    `calibrates`, or any with a softmax: `log_normaliser` [b, temperatures], that of the entities
    that are not known. A sigmoid's probability of an answer needs none.

    Args:
        scores: of every entity.
        batch: `known` are packed bits (`ranking.pack`).
        loss: that of the model.
    """
    known = unpack(batch["known"], scores.shape[1])
    found: dict[str, Array] = {}
    if "target" in batch:
        found |= of_targets(scores, batch["target"], known)
    if "new" in batch:
        found |= of_best(scores, known, batch["new"], batch.get("page"))
    if "calibrates" in batch or loss == "softmax":
        found["log_normaliser"] = log_normalisers(scores, ~known, loss)
    return found


def of_targets(
    scores: Float[Array, "b n"], target: Int[Array, " b"], known: Bool[Array, "b n"]
) -> dict[str, Array]:
    """`rank`, `score` and `target_known` of each target, and `best`, the highest score of a rival.

    Rivals are the entities that are no other known answer.
    """
    place = target[:, None]
    rivals = ~known & (jnp.arange(scores.shape[1]) != place)
    return {
        "rank": ranks(scores, target, known),
        "score": jnp.take_along_axis(scores, place, 1)[:, 0],
        "target_known": jnp.take_along_axis(known, place, 1)[:, 0],
        "best": jnp.max(scores, 1, where=rivals, initial=-jnp.inf),
    }


def of_best(
    scores: Float[Array, "b n"],
    known: Bool[Array, "b n"],
    new: Bool[Array, " b"],
    page: Int[Array, " b"] | None,
) -> dict[str, Array]:
    """`entities`, `scores` and `known` [b, min(PAGE, n)] of the best answers, the best first.

    Equal scores are in the order of entities. What is left out has the score -inf.

    Args:
        new: leaves out what is known.
        page: of a query's answers, from 0; None for the first of all. Places past the last entity
            repeat it.
    """
    shown = jnp.where(known & new[:, None], -jnp.inf, scores)
    count = shown.shape[1]
    if page is None:
        best, entities = jax.lax.top_k(shown, min(PAGE, count))
    else:
        places = page[:, None] * PAGE + jnp.arange(min(PAGE, count))
        order = jnp.argsort(-shown, axis=1, stable=True)
        entities = jnp.take_along_axis(order, jnp.minimum(places, count - 1), 1)
        best = jnp.take_along_axis(shown, entities, 1)
    marked = jnp.take_along_axis(known, entities, 1)
    return {"entities": entities, "scores": best, "known": marked}
