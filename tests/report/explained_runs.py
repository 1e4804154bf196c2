"""Finished runs whose checkpoint is noise, and what of them is worked out independently."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import systems

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax.remote.explanation import PairExplanation
from remote_jax.remote.explanation import explain as explain_pairs
from remote_jax.report import finished
from remote_jax.report.explanations.chosen import with_explanations
from remote_jax.report.view import View
from remote_jax.report.write import view_of
from remote_jax.runtime import sharding
from remote_jax.task import Task, make_task
from remote_jax.training import evaluation

DEEP = {"text.layers": 2, "vision.layers": 2}
CHANGES: dict[str, dict[str, Any]] = {
    "remote": DEEP,
    "shared": {**DEEP, "model.pairs": "shared", "data.max_pairs": 3},
    "eega": {},
    "roam": {},
}


class Run:
    """A finished run whose checkpoint is noise: its task, and its model on one device."""

    def __init__(self, name: str, folder: Path):
        system = "remote" if name == "shared" else name
        config = systems.SYSTEMS[system](folder / "cache")
        config.update_from_flattened_dict(CHANGES[name])
        self.folder, self.config = folder / "run", config
        systems.begin(config, self.folder)
        self.task: Task = make_task(config)
        self.task.prepare(self.folder, anew=False)
        evaluation.write_report(self.task, config, self.folder)
        (self.folder / "metrics.jsonl").touch()
        self.skeleton, self.params, self.best = evaluation.best_model(
            self.task, self.folder, sharding.first_device()
        )

    @property
    def model(self) -> Any:
        return self.skeleton.model(self.params)

    @cached_property
    def view(self) -> View:
        read = finished.read(self.folder)
        return with_explanations(read, view_of, 4)

    @cached_property
    def pairs(self) -> list[PairExplanation]:
        """What REMOTE made of each pair of the test split, from one program."""
        task: Any = self.task
        rows = range(len(task.pairs.records("test")))
        return [*explain_pairs(task, self.skeleton, self.params, "test", rows)]

    def observe(self, batch: dict[str, np.ndarray]) -> Any:
        """What REMOTE makes of a batch before experts: texts, markers, sights; and two blocks."""

        @jax.jit
        def run(batch: dict[str, np.ndarray]) -> Any:
            model = self.model
            text, markers = model.read(batch, None)
            keys = ("rgb", "depth", "boxes", "rgb_mask", "depth_mask")
            vision = model.vision(*(batch[key] for key in keys))
            blocks = [
                block(vision.features[number], vision.mask)
                for number, block in enumerate(model.vision.vit.blocks)
            ]
            return text.features, markers, vision.features, vision.mask, blocks

        return jax.device_get(run(batch))


def pairs_of(run: Run, rows: list[int]) -> list[PairExplanation]:
    return [run.pairs[row] for row in rows]


def alone(run: Run, row: int) -> dict[str, np.ndarray]:
    """The example that a pair is in, as a batch."""
    task: Any = run.task
    examples = task.form.examples(task.pairs.examples("test"), task.pairs.all_of("test"))
    ((number, _),) = task.form.located(examples, [row])
    return {name: np.asarray(x)[None] for name, x in task.dataset("test")[number].items()}


def sinkhorn(cost: np.ndarray, epsilon: float) -> np.ndarray:
    """The plan between uniform weights, in float64 and until it stands still."""
    n, m = cost.shape
    f, g = np.zeros(n), np.zeros(m)
    for _ in range(20_000):
        f = -epsilon * (np.logaddexp.reduce((g - cost) / epsilon, 1) + np.log(n))
        before = g
        g = -epsilon * (np.logaddexp.reduce((f[:, None] - cost) / epsilon, 0) + np.log(m))
        if np.abs(g - before).max() < 1e-12:
            break
    return np.exp((f[:, None] + g - cost) / epsilon)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return 1 - a @ b.T


def attend(layer: Any, queries: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Softmax weights of Eq. 9."""
    queries = queries @ np.asarray(layer.query.kernel[...])
    keys = sources @ np.asarray(layer.key.kernel[...])
    weights = np.exp(queries @ keys.T / np.sqrt(queries.shape[1]))
    return weights / weights.sum(1, keepdims=True)
