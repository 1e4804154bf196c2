"""A trained model that answers posts, whether it comes from a run or from an export."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.batches.pipeline import batch_sizes, joined
from remote_jax.data.batches.repeats import Repeats
from remote_jax.data.cache import cache_folder
from remote_jax.data.media import InMemoryMedia
from remote_jax.data.posts import Answer, Post, Query, values_of
from remote_jax.runtime import compilation_cache, sharding
from remote_jax.serve import export_reader
from remote_jax.serve.blank_batches import blank_batches
from remote_jax.serve.runs import folder_of, open_run, quiet
from remote_jax.task import Calibration, Outputs, Task
from remote_jax.training.checksums import sum_of_bits
from remote_jax.training.evaluation import best_model, make_predict
from remote_jax.training.state import Params, Skeleton, count

FACTOR = 8
"""Between the sizes of batches of a model whose programs are compiled beforehand."""


@quiet()
def load(path: str | Path) -> Model:
    """The trained model of a run, the one that is best on validation, or of an export.

    It runs on the first device, whatever devices it was trained on.

    Args:
        path: folder of a run, finished or not, or of `--mode=export`.

    Raises:
        UserError: there is neither; it is damaged, or of another version.
    """
    compilation_cache.enable(cache_folder(""))
    folder = folder_of(path).resolve()  # no name of a folder is taken for one of the hub
    if export_reader.exists(folder):
        config, task = export_reader.open_task(folder)
        skeleton, params = export_reader.read_model(folder, config, task)
        calibration = export_reader.read_calibration(folder)
        with export_reader.as_user_error(folder):
            return Model(task, config, skeleton, params, calibration)
    run = open_run(configs.read(folder), folder, new=False)
    run.prepare(data=False)
    skeleton, params, best = best_model(run.task, folder, sharding.first_device())
    return Model(run.task, run.config, skeleton, params, best.get("calibration", {}))


class Model:
    """A trained model; `load` makes one.

    Attributes:
        config: as it was trained with.
    """

    def __init__(
        self,
        task: Task,
        config: ConfigDict,
        skeleton: Skeleton,
        params: Params,
        calibration: Calibration,
    ):
        self.config, self._calibration = config, calibration
        self._task, self._params = task, params
        self._compiled = make_predict(task, skeleton, sharding.first_device(), gauges=False)
        self._shared = self._compiled.shared(params)
        self._repeats = Repeats(self._compiled.mesh)
        self._lock, self._factor = threading.Lock(), 2
        # Reads what names and vocabularies there are, so that they are so.
        task.posts((), InMemoryMedia())

    def __repr__(self) -> str:
        return f"<remote_jax.Model: {self.system}, {count(self._params):,} parameters>"

    @property
    def system(self) -> str:
        """`remote`, `eega` or `roam`."""
        return self.config.system

    @cached_property
    def checksum(self) -> int:
        """The sum of the bits of all parameters; another model has another, but by chance."""
        return sum_of_bits(self._params)

    def predict(self, posts: Sequence[Mapping[str, Any] | Post | Query]) -> list[Answer]:
        """Answers posts; each has the answer that it would have by itself.

        They go through the model in batches of `config.train.eval_batch_size`; what is left is
        filled up to the next power of two. The first batch of each size, and of each bucket,
        compiles a program, which the model keeps; so do the first in which few pictures serve
        many pairs, at most two more of each. After `compile` none is left for fewer than 4,000
        pairs at once. May be called from several threads, which then take turns.

        Args:
            posts: dicts with the keys of a line of `--mode=predict`, `Post`s or, for ROAM,
                `Query`s. Paths of pictures are relative to the current folder, or absolute.

        Returns:
            For each post `Relations` (REMOTE), `Quintuples` (EEGA) or `Candidates` (ROAM). Where a
            post is wrong, or spaCy is not here to parse it, nothing is raised; `error` of its
            answer is the sentence that says why.

        Raises:
            TypeError: `posts` is no sequence, or something in it is no post.
            UserError: the file of a picture changed while it was read.
        """
        if isinstance(posts, str | bytes | Mapping) or not isinstance(posts, Sequence):
            raise TypeError(f"predict takes a list of posts, found {type(posts).__name__}.")
        values = [values_of(post) for post in posts]
        with self._lock:
            found = self._task.posts(values, InMemoryMedia())
            outputs = self._outputs(found.dataset, found.buckets)
            return list(found.answers(self._task.calibrated(outputs, self._calibration)))

    def compile(self, post: Mapping[str, Any] | Post | Query, count: int) -> None:
        """Compiles the program of each batch that up to `count` posts like this one come to.

        A server does so before it answers: the first batch of a size would make its request wait.
        From then on there are fewer sizes, powers of `FACTOR` and the full one.
        """
        with self._lock:
            found = self._task.posts([values_of(post)], InMemoryMedia())
            if not len(found.dataset):
                return
            most = self.config.train.eval_batch_size
            self._factor, rows = FACTOR, min(count * len(found.dataset), most)
            sizes = {size for n in range(1, rows + 1) for size in batch_sizes(n, most, FACTOR)}
            for batch in blank_batches(found.dataset[0], found.buckets, sorted(sizes), most):
                there = sharding.put_batch(self._repeats(batch), self._compiled.mesh)
                sharding.fetch(self._compiled.batch(self._params, self._shared, there))

    def _outputs(self, dataset: Mapped[Any], buckets: Buckets | None) -> Outputs:
        chunks, start = [], 0
        most = self.config.train.eval_batch_size
        for size in batch_sizes(len(dataset), most, self._factor):
            rows = np.arange(start, min(start + size, len(dataset)))
            examples = [dataset[int(row)] for row in rows]
            filled = examples + examples[-1:] * (size - len(examples))
            batch = {name: np.stack([one[name] for one in filled]) for name in examples[0]}
            # Few posts are not cut: there are programs enough for all of their sizes.
            if buckets is not None and size == most:
                batch = buckets.extents.padding.cut(batch, buckets.shape(rows))
            there = sharding.put_batch(self._repeats(batch), self._compiled.mesh)
            chunk = sharding.fetch(self._compiled.batch(self._params, self._shared, there))
            chunks.append({name: value[: len(rows)] for name, value in chunk.items()})
            start += len(rows)
        places = np.arange(len(dataset))
        return {name: joined([one[name] for one in chunks], places) for name in (chunks or [{}])[0]}
