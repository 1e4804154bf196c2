"""Outputs of a model over a whole data set, the report of a run, and the best model of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import grain
import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax.data.batches import pipeline
from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.batches.pipeline import batch_sizes, joined
from remote_jax.data.batches.repeats import Repeats
from remote_jax.errors import UserError
from remote_jax.reporting import results
from remote_jax.reporting.progress import tracked, working
from remote_jax.runtime import processes, sharding
from remote_jax.runtime.programs import Programs, silently
from remote_jax.task import GAUGE, Batch, Outputs, Task
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.record import Best
from remote_jax.training.state import Params, Skeleton, count, split

WORTH_WORKERS = 2000
"""Examples below which worker processes, seconds each to start, would only cost time."""


@dataclass(frozen=True)
class Predict:
    """What a task gives of a data set, compiled.

    Attributes:
        shared: what all batches need, from the parameters.
        batch: outputs of a batch, from the parameters and what is shared; a program for each shape.
        mesh: where batches go.
    """

    shared: Callable[[Params], Any]
    batch: Programs
    mesh: Mesh


def make_predict(
    task: Task,
    skeleton: Skeleton,
    mesh: Mesh,
    *,
    gauges: bool = True,
    around: Callable[[str], AbstractContextManager[object]] = silently,
) -> Predict:
    """Compiles on first use; what is shared is split over the mesh as parameters are.

    Args:
        gauges: whether outputs that exist for gauges alone are among them.
        around: as that of `Programs`.
    """

    def shared(params: Params) -> Any:
        found = task.shared(skeleton.model(params))
        return jax.lax.with_sharding_constraint(found, sharding.place(mesh, found))

    def batch(params: Params, shared: Any, batch: Batch) -> dict[str, jax.Array]:
        found = task.predict(skeleton.model(params), batch, shared)
        return {name: x for name, x in found.items() if gauges or not name.startswith(GAUGE)}

    programs = Programs("prediction", jax.jit(batch), around=around)
    return Predict(jax.jit(shared), programs, mesh)


class Predictor:
    """What a model predicts of data sets, by one program for each shape of batches.

    Attributes:
        params: of the model.
    """

    def __init__(self, predict: Predict, params: Params, config: ConfigDict, *, doing: str = ""):
        """Compiles nothing yet.

        Args:
            doing: what is told of, as "scoring test"; nothing is where it is empty.

        Raises:
            UserError: a batch cannot be split over the devices.
        """
        self.params = params
        self._predict, self._config, self._doing = predict, config, doing
        self._repeats = Repeats(predict.mesh)
        self._size = 0
        self._shared: Any = None
        sharding.check_batch(predict.mesh, "train.eval_batch_size", config.train.eval_batch_size)

    def __call__(
        self, dataset: grain.MapDataset | Mapped[Any], buckets: Buckets | None = None
    ) -> dict[str, np.ndarray]:
        """Outputs of a whole data set, in its order and without the padding of its last batch.

        Args:
            buckets: of the data set. Outputs of batches that are cut are filled up with zeros.

        Returns:
            Arrays by name, on the host of every process; no names where the data set is empty.
        """
        if len(dataset) == 0:
            return {}
        size, workers = self._batch_size(len(dataset)), self._config.data.workers
        batches = pipeline.eval_batches(
            dataset,
            batch_size=size,
            workers=workers if len(dataset) >= WORTH_WORKERS else 0,
            rows=sharding.rows(self._predict.mesh, size),
            buckets=buckets,
        )
        if self._doing:
            batches = tracked(batches, self._doing, "examples", len(dataset), each=size)
        chunks: list[dict[str, np.ndarray]] = []
        running: dict[str, jax.Array] | None = None
        for batch in batches:
            sent = self._send(batch)
            # Fetched one batch late, so that the device has the next one while the host waits.
            if running is not None:
                chunks.append(sharding.fetch(running))
            running = sent
        chunks.append(sharding.fetch(running))
        places = np.arange(len(dataset)) if buckets is None else buckets.order
        # A name at a time, so that an array and its parts are held twice for one name alone.
        return {name: joined([one.pop(name) for one in chunks], places) for name in [*chunks[0]]}

    def _batch_size(self, examples: int) -> int:
        """That of the config; smaller where the first data set has fewer examples."""
        if not self._size:
            size = self._config.train.eval_batch_size
            few = next(batch_sizes(examples, size))
            self._size = few if sharding.splits(self._predict.mesh, few) else size
        return self._size

    def _send(self, batch: pipeline.Batch) -> dict[str, jax.Array]:
        """Outputs of a batch, which the device may not have computed yet."""
        there = sharding.put_batch(self._repeats(batch), self._predict.mesh)
        if self._shared is None:
            shared = processes.compiled_together("shared", self._predict.shared, self.params)
            self._shared = shared(self.params)
        return self._predict.batch(self.params, self._shared, there)


def evaluate(
    predict: Predict,
    params: Params,
    dataset: grain.MapDataset,
    config: ConfigDict,
    buckets: Buckets | None = None,
    *,
    doing: str = "",
) -> dict[str, np.ndarray]:
    """Outputs of one data set, as those of a `Predictor`."""
    return Predictor(predict, params, config, doing=doing)(dataset, buckets)


def write_report(task: Task, config: ConfigDict, workdir: Path) -> None:
    """Scores the test split with the checkpoint that is best on validation.

    Writes `predictions.jsonl`, then `results.json`, which says that the run is finished. Data that
    come without a test split are reported on validation, and nothing is called a test score.

    Raises:
        UserError: there is no checkpoint, it is another model's, or the data have changed.
    """
    with Checkpoints(workdir, read_only=True) as checkpoints:
        record = checkpoints.record()
    record.check_data(task.fingerprint())
    final = final_split(task)
    raw, outputs, params, best = best_outputs(task, config, workdir, final)
    if not processes.first():
        return
    gauges = best.get("gauges", {})
    results.write_rows(workdir / "predictions.jsonl", task.rows(final, outputs))
    for name, value in task.extras(final, outputs).items():
        results.write_json(workdir / name, value)
    results.write_results(
        workdir / "results.json",
        metrics={
            "validation": best["metrics"],
            **task.metrics_of_parts(final, outputs),
            final: task.metrics(final, outputs),
        },
        tables=task.tables(final, outputs),
        dataset=task.fingerprint(),
        run={
            "seed": config.seed,
            "steps": record.step,
            "skipped_steps": record.skipped,
            "best_step": best["step"],
            "calibration": dict(best.get("calibration", {})),
            "gauges": {"validation": gauges, final: {**gauges, **task.gauges(final, raw)}},
            "collapsed": task.collapsed(gauges),
            "never_above_zero": record.never_above_zero(task.metric),
            "data": record.data or task.title(),
            "started_from": record.initial,
            "made_longer": record.made_longer,
            "earlier_results": results.earlier(workdir),
            "parameters": count(params),
            "peak_memory_bytes": sharding.peak_memory(record.peak_memory),
            "seconds": record.seconds,
            "data_wait_seconds": record.data_wait_seconds,
            "device": jax.devices()[0].device_kind,
            "devices": jax.device_count(),
            "processes": jax.process_count(),
            "config": config.to_dict(),
        },
    )


def outputs_of_one(
    run: Callable[[Params, Any], dict[str, jax.Array]],
    params: Params,
    example: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Outputs of an example by itself, without the axis of the batch."""
    batch = {name: np.asarray(value)[None] for name, value in example.items()}
    return {name: value[0] for name, value in jax.device_get(run(params, batch)).items()}


def not_empty(task: Task, split_name: str) -> grain.MapDataset:
    """The examples of a split; raises a UserError where there are none."""
    dataset = task.dataset(split_name)
    if len(dataset) == 0:
        raise UserError(f"The {split_name} split has no examples.")
    return dataset


def final_split(task: Task) -> str:
    """The split that a run is judged by: test; validation, where the data have no test."""
    return "test" if "test" in task.splits() else "validation"


class BestOutputs(NamedTuple):
    """What the model that is best on validation predicts of a data set.

    Attributes:
        raw: as `Task.predict` gave them.
        outputs: the same, calibrated.
        params: of the model.
        best: what is known of it.
    """

    raw: Outputs
    outputs: Outputs
    params: Params
    best: Best


def best_outputs(task: Task, config: ConfigDict, workdir: Path, split_name: str) -> BestOutputs:
    """What the model that is best on validation predicts of a split; and it.

    Raises:
        UserError: there is no checkpoint, or it is another model's.
    """
    mesh = sharding.make_mesh(config.mesh)
    skeleton, params, best = best_model(task, workdir, mesh)
    raw = evaluate(
        make_predict(task, skeleton, mesh, around=working),
        params,
        task.dataset(split_name),
        config,
        task.buckets(split_name),
        doing=f"scoring {split_name}",
    )
    return BestOutputs(raw, task.calibrated(raw, best.get("calibration", {})), params, best)


def outputs_without(
    task: Task, names: Sequence[str], config: ConfigDict, whole: BestOutputs, split_name: str
) -> Outputs:
    """What the same parameters predict without mechanisms, calibrated as before.

    Args:
        task: the whole one.
        names: of mechanisms that are taken away (`Task.without`).
        whole: of the whole model.
    """
    task = task.without(names)
    skeleton, _ = split(task.shapes())
    predict = make_predict(task, skeleton, sharding.make_mesh(config.mesh), around=working)
    dataset, buckets = task.dataset(split_name), task.buckets(split_name)
    doing = f"scoring {split_name} without {', '.join(names)}"
    raw = evaluate(predict, whole.params, dataset, config, buckets, doing=doing)
    return task.calibrated(raw, whole.best.get("calibration", {}))


def best_model(task: Task, workdir: Path, mesh: Mesh) -> tuple[Skeleton, Params, Best]:
    """The model that is best on validation.

    Args:
        mesh: where its parameters go.

    Raises:
        UserError: there is no checkpoint, or it is another model's.
    """
    skeleton, shapes = split(task.shapes())
    with Checkpoints(workdir, read_only=True) as checkpoints:
        params, best = checkpoints.restore_best(shapes, mesh)
    return skeleton, params, best
