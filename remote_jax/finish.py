"""After training: the test split, read with the best checkpoint, and answers to posts."""

from __future__ import annotations

from pathlib import Path

import grain
import jax
from ml_collections import ConfigDict

from remote_jax.checkpoint import Checkpoints
from remote_jax.evaluate import evaluate, make_predict
from remote_jax.record import Best
from remote_jax.reporting import results
from remote_jax.runtime import processes, sharding
from remote_jax.state import Params, Skeleton, count, split
from remote_jax.task import Outputs, Posts, Task


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
    skeleton, params, best = best_model(task, config, workdir)
    final = "test" if "test" in task.splits() else "validation"
    outputs = _outputs(task, config, skeleton, params, task.dataset(final))
    if not processes.first():
        return
    results.write_rows(workdir / "predictions.jsonl", task.rows(final, outputs))
    for name, value in task.extras(final, outputs).items():
        results.write_json(workdir / name, value)
    results.write_results(
        workdir / "results.json",
        metrics={"validation": best["metrics"], final: task.metrics(final, outputs)},
        tables=task.tables(final, outputs),
        dataset=task.fingerprint(),
        run={
            "seed": config.seed,
            "steps": record.step,
            "skipped_steps": record.skipped,
            "best_step": best["step"],
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


def write_answers(task: Task, config: ConfigDict, workdir: Path, source: Path, target: Path) -> int:
    """Reads posts and writes the best checkpoint's answers; returns the number of lines.

    Raises:
        UserError: the posts cannot be read or the answers not written, there is no checkpoint,
            or it is another model's.
    """
    posts: Posts = task.posts(source)
    skeleton, params, _ = best_model(task, config, workdir)
    outputs = _outputs(task, config, skeleton, params, posts.dataset)
    return results.write_rows(target, posts.rows(outputs)) if processes.first() else 0


def _outputs(
    task: Task, config: ConfigDict, skeleton: Skeleton, params: Params, dataset: grain.MapDataset
) -> Outputs:
    predict = make_predict(task, skeleton, sharding.make_mesh(config.mesh))
    return evaluate(predict, params, dataset, config)


def best_model(task: Task, config: ConfigDict, workdir: Path) -> tuple[Skeleton, Params, Best]:
    """The model that is best on validation.

    Raises:
        UserError: there is no checkpoint, or it is another model's.
    """
    skeleton, shapes = split(task.shapes())
    mesh = sharding.make_mesh(config.mesh)
    with Checkpoints(workdir, read_only=True) as checkpoints:
        params, best = checkpoints.restore_best(shapes, mesh)
    return skeleton, params, best
