"""Outputs of a model over a whole data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grain
import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax.data import pipeline
from remote_jax.runtime import processes, sharding
from remote_jax.state import Params, Skeleton
from remote_jax.task import Batch, Task

WORTH_WORKERS = 2000
"""Examples below which worker processes, seconds each to start, would only cost time."""


@dataclass(frozen=True)
class Predict:
    """What a task gives of a data set, compiled.

    Attributes:
        shared: what all batches need, from the parameters.
        batch: outputs of a batch, from the parameters and what is shared.
        mesh: where batches go.
    """

    shared: Callable[[Params], Any]
    batch: Callable[[Params, Any, Batch], dict[str, jax.Array]]
    mesh: Mesh


def make_predict(task: Task, skeleton: Skeleton, mesh: Mesh) -> Predict:
    """Compiles on first use; what is shared is split over the mesh as parameters are."""

    def shared(params: Params) -> Any:
        found = task.shared(skeleton.model(params))
        return jax.lax.with_sharding_constraint(found, sharding.place(mesh, found))

    return Predict(
        jax.jit(shared),
        jax.jit(lambda params, shared, batch: task.predict(skeleton.model(params), batch, shared)),
        mesh,
    )


def evaluate(
    predict: Predict, params: Params, dataset: grain.MapDataset, config: ConfigDict
) -> dict[str, np.ndarray]:
    """Outputs of a whole data set, in its order and without the padding of its last batch.

    Returns:
        Arrays by name, on the host of every process; no names where the data set is empty.
    """
    size = config.train.eval_batch_size
    sharding.check_batch(predict.mesh, "train.eval_batch_size", size)
    if len(dataset) == 0:
        return {}
    chunks: list[dict[str, np.ndarray]] = []
    running: dict[str, jax.Array] | None = None
    workers = config.data.workers if len(dataset) >= WORTH_WORKERS else 0
    processes.compile_together("shared", predict.shared, params)
    shared = predict.shared(params)
    rows = sharding.rows(predict.mesh, size)
    for batch in pipeline.eval_batches(dataset, batch_size=size, workers=workers, rows=rows):
        there = sharding.put_batch(batch, predict.mesh)
        if running is None:
            processes.compile_together("predict", predict.batch, params, shared, there)
        sent = predict.batch(params, shared, there)
        # Fetched one batch late, so that the device has the next one while the host waits.
        if running is not None:
            chunks.append(sharding.fetch(running))
        running = sent
    chunks.append(sharding.fetch(running))
    return {
        name: np.concatenate([chunk[name] for chunk in chunks])[: len(dataset)]
        for name in chunks[0]
    }
