"""What the model gives of queries beside their routing: ranks of targets, and the best answers.

A batch says by its keys what it wants. All of it is traced; with the numbers of a batch no shape
changes. Candidates are scored a chunk at a time (`ranking.Chunks`), and what is found in each is
merged, so that memory is bounded by a chunk however many entities there are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt8

from remote_jax.roam import probabilities
from remote_jax.roam.model import tucker
from remote_jax.roam.model.entities import Candidates, Routing
from remote_jax.roam.model.roam import Roam
from remote_jax.roam.ranking import Chunks, above_and_beside
from remote_jax.task import Batch

PAGE = 100
"""Answers that a row has room for; a query that wants more is asked again for each further page."""

PAGES = 100
"""Most pages of a query's answers."""

ScoreOf = Callable[[Candidates], Float[Array, "b c"]]
"""What ranks candidates."""

Found = dict[str, Array]


def scores_of_chunks(
    model: Roam,
    queries: Int[Array, "b 2"],
    head: Float[Array, "*m b d"],
    routed: Routing,
    candidates: Candidates,
) -> ScoreOf:
    """What scores some of the candidates as `Roam.scores` does all of them."""
    score = model.scorer(queries, head, routed)
    if not model.lacks_all:
        return lambda some: score(some).whole

    def lowest(number: int | Int[Array, ""]) -> Float[Array, "b 1"]:
        some = candidates.chunk(chunks, number)
        return tucker.lowest(score(some).whole, some.weights)

    chunks = Chunks.of(model.entities)
    below = chunks.fold(lowest, jnp.minimum)
    return lambda some: tucker.without_absent(score(some).whole, some.weights, below)


def query_outputs(
    score: ScoreOf, candidates: Candidates, entities: int, batch: Batch, loss: str
) -> Found:
    """Of each query, for the keys that the batch has beside `known`:

    `target`: `rank`, `score` and `target_known`, and `best`, the highest score of a rival. Rivals
    are the entities that are no other known answer.
    `new`: the best answers, of `page` if the batch has it, as `_page` gives them. It leaves out
    what is known.

    `calibrates`, or any with a softmax: `log_normaliser` [b, temperatures], that of the entities
    that are not known. A sigmoid's probability of an answer needs none.

    Args:
        score: of every query.
        candidates: all entities, with what fills the chunks.
        entities: their number.
        batch: `known` are packed bits (`ranking.pack`).
        loss: that of the model.
    """
    chunks, wanted = Chunks.of(entities), None
    if "target" in batch:
        wanted = _of_targets(score, candidates, chunks, batch["target"])
    kept = min(PAGE * PAGES if "page" in batch else PAGE, entities)

    def of_chunk(number: int | Int[Array, ""]) -> Found:
        scores, ids = score(candidates.chunk(chunks, number)), chunks.entities(number)
        known, there = chunks.known(batch["known"], number), ids < entities
        found: Found = {}
        if wanted is not None:
            rivals = there & ~known & (ids != batch["target"][:, None])
            found["above"], found["beside"] = above_and_beside(scores, wanted, rivals)
            found["best"] = jnp.max(scores, 1, where=rivals, initial=-jnp.inf)
        if "new" in batch:
            shown = jnp.where(there & ~(known & batch["new"][:, None]), scores, -jnp.inf)
            found |= _best(shown, jnp.broadcast_to(ids, shown.shape), kept)
        if "calibrates" in batch or loss == "softmax":
            rivals = there & ~known
            found["log_normaliser"] = probabilities.log_normalisers(scores, rivals, loss)
        return found

    found = chunks.fold(of_chunk, partial(_merged, kept=kept, loss=loss))
    if wanted is not None:
        rank = 1.0 + found.pop("above") + found.pop("beside") / 2
        known = _bit(batch["known"], batch["target"][:, None])[:, 0]
        found |= {"rank": rank, "score": wanted, "target_known": known}
    if "new" in batch:
        found |= _page(found["entities"], found["scores"], batch)
    return found


def _of_targets(
    score: ScoreOf, candidates: Candidates, chunks: Chunks, targets: Int[Array, " b"]
) -> Float[Array, " b"]:
    """The score of the target of each query.

    Targets fill chunks of their own, as large as others: in a product of another shape rounding may
    differ, and what ties with a target would not be equal to it.
    """
    if chunks.count == 1:
        return jnp.take_along_axis(score(candidates), targets[:, None], 1)[:, 0]
    batch = targets.shape[0]
    places = jnp.arange(-(-batch // chunks.size) * chunks.size).reshape(-1, chunks.size)

    def of_some(places: Int[Array, " size"]) -> Float[Array, " size"]:
        rows = jnp.minimum(places, batch - 1)
        scores = score(candidates.at(targets[rows]))
        return scores[rows, jnp.arange(chunks.size)]

    return jax.lax.map(of_some, places).reshape(-1)[:batch]


def _best(scores: Float[Array, "b c"], ids: Int[Array, "b c"], kept: int) -> Found:
    """The highest scores, the best first; equal ones in the order of ids, which ascend.

    Where there are fewer than `kept`, what no entity is fills them up, below all.
    """
    best, places = jax.lax.top_k(scores, min(kept, scores.shape[1]))
    found = {"scores": best, "entities": jnp.take_along_axis(ids, places, 1)}
    fill = {"scores": -jnp.inf, "entities": jnp.iinfo(ids.dtype).max}
    missing = ((0, 0), (0, kept - best.shape[1]))
    return {name: jnp.pad(x, missing, constant_values=fill[name]) for name, x in found.items()}


def _merged(one: Found, other: Found, *, kept: int, loss: str) -> Found:
    """What is found in two sets of entities, as found in both together."""
    found: Found = {}
    for name in ("above", "beside"):
        if name in one:
            found[name] = one[name] + other[name]
    if "best" in one:
        found["best"] = jnp.maximum(one["best"], other["best"])
    if "log_normaliser" in one:
        logs = (one["log_normaliser"], other["log_normaliser"])
        found["log_normaliser"] = probabilities.merged(loss, *logs)
    if "entities" in one:
        scores, ids = (jnp.concatenate([one[k], other[k]], 1) for k in ("scores", "entities"))
        ids, scores = jax.lax.sort((ids, scores), num_keys=1)
        found |= _best(scores, ids, kept)
    return found


def _page(entities: Int[Array, "b k"], scores: Float[Array, "b k"], batch: Batch) -> Found:
    """`entities`, `scores` and `known` [b, min(PAGE, n)] of the best answers, the best first.

    Equal scores are in the order of entities. What is left out has the score -inf.

    Args:
        entities, scores: of the first `PAGES`, or the first alone.
        batch: `page` of a query's answers, from 0. Places past the last entity repeat it.
    """
    if "page" in batch:
        shown = jnp.arange(min(PAGE, entities.shape[1]))
        places = jnp.minimum(batch["page"][:, None] * PAGE + shown, entities.shape[1] - 1)
        entities, scores = (jnp.take_along_axis(x, places, 1) for x in (entities, scores))
    return {"entities": entities, "scores": scores, "known": _bit(batch["known"], entities)}


def _bit(bits: UInt8[Array, "b bytes"], ids: Int[Array, "b k"]) -> Bool[Array, "b k"]:
    """Whether entities are known (`ranking.pack`)."""
    whole = jnp.take_along_axis(bits, ids // 8, 1)
    return (whole >> (ids % 8).astype(jnp.uint8)) % 2 == 1
