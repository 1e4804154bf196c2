"""What the model made of chosen queries: the best answers, and how they were routed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from remote_jax.roam.answers import Candidate
from remote_jax.roam.model import moseg
from remote_jax.roam.model.entities import Candidates, Routing
from remote_jax.roam.model.roam import Roam
from remote_jax.roam.task import RoamTask
from remote_jax.task import Batch, Calibration
from remote_jax.training.state import Params, Skeleton

TOP = 10
"""Answers of a query."""


@dataclass(frozen=True)
class Routed:
    """How a query or an entity was routed.

    Attributes:
        shares: of the groups.
        modalities: by name, their weights in each group.
    """

    shares: Float[np.ndarray, " groups"]
    modalities: Mapping[str, Float[np.ndarray, " groups"]]


@dataclass(frozen=True)
class QueryExplanation:
    """What led to the ranking of a query.

    Attributes:
        routed: the query.
        answers: the `TOP` entities with the highest scores, known ones among them.
        wanted: the answer that is ranked.
        routing: of each answer.
    """

    routed: Routed
    answers: Sequence[Candidate]
    wanted: str
    routing: Sequence[Routed]


def explain(
    task: RoamTask,
    skeleton: Skeleton,
    params: Params,
    calibration: Calibration,
    split: str,
    rows: Sequence[int],
) -> Iterator[QueryExplanation]:
    """What a model made of the queries in some rows of `predictions.jsonl`, one at a time.

    Args:
        task: prepared, with its data.
        skeleton, params: the model.
        calibration: of the model.
    """
    shared = jax.jit(lambda params: task.shared(skeleton.model(params)))(params)

    @jax.jit
    def run(params: Params, batch: Batch, shared: Candidates) -> dict[str, Any]:
        return _observed(task, skeleton.model(params), batch, shared)

    dataset = task.dataset(split)
    for row in rows:
        example = dataset[row]
        batch = {name: np.asarray(example[name])[None] for name in ("query", "known")}
        found = jax.device_get(run(params, {**batch, "new": np.zeros(1, bool)}, shared))
        outputs = task.calibrated(found["outputs"], calibration)
        yield _explanation(task, outputs, found, wanted=int(example["target"]))


def _observed(
    task: RoamTask, model: nnx.Module, batch: Batch, shared: Candidates
) -> dict[str, Any]:
    """What `RoamTask.predict` has of a query, and how its answers are routed; traced."""
    assert isinstance(model, Roam)
    outputs = task.predict(model, batch, shared)
    outputs = {name: x[:, :TOP] if name in KEPT else x for name, x in outputs.items()}
    _, routed = model.candidates(model.encode(outputs["entities"][0]))
    return {"outputs": outputs, "shares": routed.group_shares, "weights": routed.weights}


KEPT = ("entities", "scores", "known")


def _explanation(
    task: RoamTask,
    outputs: Mapping[str, np.ndarray],
    answers: Mapping[str, np.ndarray],
    *,
    wanted: int,
) -> QueryExplanation:
    graph, routed = task.graph, partial(_routed, task.modality_names)
    columns = (
        outputs[name][0].tolist() for name in ("entities", "scores", "probabilities", "known")
    )
    found = [
        Candidate(graph.entities[entity], score, chance, known, not graph.seen[entity])
        for entity, score, chance, known in zip(*columns, strict=True)
    ]
    return QueryExplanation(
        routed(outputs["shares"][0], outputs["weights"][0].T),
        found,
        graph.entities[wanted],
        [routed(answers["shares"][:, n], answers["weights"][:, :, n]) for n in range(len(found))],
    )


def _routed(
    names: Sequence[str],
    shares: Float[np.ndarray, " groups"],
    weights: Float[np.ndarray, "modalities groups"],
) -> Routed:
    return Routed(shares, dict(zip(names, weights, strict=True)))


def embedded(
    skeleton: Skeleton, params: Params, entities: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Entities as the candidates that they are before any relation is known, and their groups.

    Returns:
        Their vectors, modalities fused (Eq. 3) by the weights that they have there; and the group
        with the largest share of each.
    """

    @jax.jit
    def run(params: Params, rows: Int[Array, " n"]) -> tuple[Array, Array]:
        model = skeleton.model(params)
        assert isinstance(model, Roam)
        candidates: Candidates
        routed: Routing
        candidates, routed = model.candidates(model.encode(rows))
        fused = moseg.fuse(candidates.mixed, moseg.normalised(candidates.weights))
        return fused, routed.group_shares.argmax(0)

    vectors, groups = jax.device_get(run(params, jnp.asarray(entities)))
    return np.asarray(vectors, np.float32), np.asarray(groups)
