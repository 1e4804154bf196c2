"""The best model of a run, which answers one block of posts after another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jax.sharding import Mesh
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data.batches.in_thread import ahead
from remote_jax.data.files import sha256
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import Answer, Values
from remote_jax.reporting.progress import working
from remote_jax.task import Posts, Task
from remote_jax.training.checksums import sum_of_bits
from remote_jax.training.evaluation import Predictor, best_model, make_predict

CPU_BATCH, CPU_BATCH_OF_POSTS = 32, 8
"""Most examples that a CPU reads together, of a pair each and of many: its caches hold few."""

T = TypeVar("T")


class Answerer:
    """Reads and answers posts.

    Attributes:
        task: of the run, prepared.
        origin: what its answers come from, as digests by what a person calls it.
    """

    def __init__(self, task: Task, config: ConfigDict, workdir: Path, mesh: Mesh):
        """Restores the checkpoint that is best on validation.

        Raises:
            UserError: there is no checkpoint, it is another model's, or a batch cannot be split
                over the devices.
        """
        skeleton, params, best = best_model(task, workdir, mesh)
        self.task, self._calibration = task, best.get("calibration", {})
        self.origin = {
            "model": _digest([best, sum_of_bits(params)]),
            "files of the run": _digest(_assets(task, workdir)),
            "config": _digest(config.to_dict()),
        }
        predict = make_predict(task, skeleton, mesh, gauges=False, around=working)
        self._predictor = Predictor(predict, params, _for_posts(config, mesh))

    def read(self, values: Iterable[Values], media: PostMedia) -> Posts:
        """Posts that are read and checked; no device is needed for it."""
        return self.task.posts(values, media)

    def answer(self, read: Posts) -> list[Answer]:
        """An answer to each post."""
        outputs = self._predictor(read.dataset, read.buckets)
        return list(read.answers(self.task.calibrated(outputs, self._calibration)))

    def answers(
        self, blocks: Iterable[tuple[T, Sequence[Values], PostMedia]]
    ) -> Iterator[tuple[T, list[Answer]]]:
        """The answers to blocks of posts, one block being read while another is answered.

        Args:
            blocks: what a block is called, its posts, and where their pictures are.
        """

        def read(block: tuple[T, Sequence[Values], PostMedia]) -> tuple[T, Posts]:
            name, values, media = block
            return name, self.read(values, media)

        for name, found in ahead(read, blocks):
            yield name, self.answer(found)


def _for_posts(config: ConfigDict, mesh: Mesh) -> ConfigDict:
    """The config by which posts go through the model.

    Worker processes would be started for each block anew.
    """
    changes: dict[str, Any] = {"data.workers": 0}
    if "text" in config and mesh.size == 1 and mesh.devices.flat[0].platform == "cpu":
        shared = config.model.get("pairs") == "shared"
        most = CPU_BATCH_OF_POSTS if shared else CPU_BATCH
        changes["train.eval_batch_size"] = min(most, config.train.eval_batch_size)
    return configs.override(config, changes)


def _assets(task: Task, workdir: Path) -> list[str]:
    """Digests of what the run keeps beside its checkpoints, such as names of relations."""
    tops = sorted({workdir / Path(name).parts[0] for name in task.assets})
    files = [path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*")))]
    return [f"{path.relative_to(workdir)} {sha256(path)}" for path in files if path.is_file()]


def _digest(value: Any) -> str:
    """A digest of JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
