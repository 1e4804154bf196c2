"""What mechanisms are worth: a trained model scored with neutral elements in their place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.reporting.results import Table, code_version, write_json
from remote_jax.runtime import processes
from remote_jax.task import Task, check_mechanisms
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.evaluation import best_outputs, final_split, outputs_without

FILE = "without.json"
"""In the folder of a run: its tables, by what was taken away."""

EACH = "each"
"""Asks for every mechanism by itself."""


def chosen(task: Task, names: Sequence[str]) -> list[tuple[str, ...]]:
    """The sets of mechanisms to take away, one after another; names in the order of the task.

    Args:
        task: need not be prepared.
        names: of mechanisms, to be taken away together; or `EACH` alone.

    Raises:
        UserError: a name is not known.
    """
    if list(names) == [EACH] and task.mechanisms:
        return [(name,) for name in task.mechanisms]
    check_mechanisms(names, task.mechanisms)
    return [tuple(name for name in task.mechanisms if name in names)]


def compare(task: Task, config: ConfigDict, workdir: Path, names: Sequence[str]) -> Table:
    """Scores the checkpoint that is best on validation, whole and without mechanisms.

    Of the test split, or of validation where there is none. The calibration is that of the whole
    model. The table is kept in `WORKDIR/without.json`.

    Args:
        task: prepared.
        names: as those of `chosen`.

    Raises:
        UserError: a name is not known, there is no checkpoint, it is another model's, or the data
            have changed.
    """
    with Checkpoints(workdir, read_only=True) as checkpoints:
        checkpoints.record().check_data(task.fingerprint())
    sets = chosen(task, names)
    split = final_split(task)
    best = best_outputs(task, config, workdir, split)
    whole = task.metrics(split, best.outputs)
    rows: list[tuple[object, ...]] = []
    for taken in sets:
        rest = outputs_without(task, taken, config, best, split)
        rows += _rows(taken, whole, task.metrics(split, rest))
    gone = [name for name in task.mechanisms if any(name in taken for taken in sets)]
    instead = {name: task.mechanisms[name] for name in gone}
    table = _table(split, instead, rows)
    if processes.first():
        key = EACH if list(names) == [EACH] else ",".join(sets[0])
        facts = {"split": split, "best_step": best.best["step"], "code": code_version()}
        _keep(workdir / FILE, key, {**facts, "instead": instead, "table": asdict(table)})
    return table


def _rows(
    taken: Sequence[str], whole: Mapping[str, float], rest: Mapping[str, float]
) -> list[tuple[object, ...]]:
    name = ", ".join(taken)
    return [
        (name, metric, float(score), float(rest[metric]), float(rest[metric] - score))
        for metric, score in whole.items()
    ]


def _table(split: str, instead: Mapping[str, str], rows: Sequence[Sequence[object]]) -> Table:
    told = "; ".join(f"{neutral} for {name}" for name, neutral in instead.items())
    return Table(
        f"{split}: the whole model, and without mechanisms ({told})",
        ("mechanism", "metric", "whole", "without", "difference"),
        rows,
    )


def _keep(path: Path, key: str, value: Mapping[str, Any]) -> None:
    """Writes a table beside those that the file has.

    Raises:
        UserError: the file is not one of ours, or cannot be written.
    """
    try:
        tables = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        tables[key] = value
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{path} is not the file of tables that --without keeps ({error}); move it away and "
            "start again."
        ) from error
    write_json(path, tables)
