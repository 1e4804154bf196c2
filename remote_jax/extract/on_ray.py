"""Shards done by workers of Ray Data, on this machine or on many that see the same files.

A worker holds the models once. A shard appears whole, under its own name, by whoever does it: what
a worker that died was doing is done by another, and what it had written is not done again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError
from remote_jax.extract import shards
from remote_jax.extract.extractor import Extractor
from remote_jax.extract.inputs import Plan, Shard
from remote_jax.extract.run import Work, opened

TOGETHER = 4
"""Shards that a worker is given at a time, at most: it reads one while it answers another."""

Make = Callable[[], Extractor]


class Worker:
    """Does the shards whose numbers it is called with."""

    def __init__(self, make: Make, origin: Mapping[str, str], plan: Plan, output: Path):
        """Opens the models.

        Raises:
            UserError: they cannot be opened, or are not those of the process that asks.
        """
        self._extractor, self._plan, self._output = make(), plan, output
        if differ := [k for k, v in origin.items() if self._extractor.origin.get(k) != v]:
            raise UserError(
                f"A worker finds other runs than the process that asks it: {', '.join(differ)}; "
                "all machines must see the same files."
            )

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Writes those of the shards that are not there."""
        asked = [self._plan.shards[number] for number in batch["id"].tolist()]
        missing = [one for one in asked if not shards.part(self._output, one.number).exists()]
        found = self._extractor.extract(opened(self._plan, missing))
        for shard, extracted in zip(missing, found, strict=True):
            name = self._plan.sources[shard.source].name
            shards.write(self._output, shard.number, name, extracted)
        return batch


def work(make: Make, origin: Mapping[str, str], address: str, workers: int) -> Work:
    """Has workers of Ray do the shards.

    Args:
        make: opens the models, in each worker.
        origin: what they must be.
        address: of a cluster; "" starts Ray on this machine, for as long as this takes.
        workers: how many; 0: one for each GPU, or where there is none for each CPU.

    Raises:
        UserError: Ray is not installed, there is no cluster, or a worker meets a mistake.
    """

    def do(plan: Plan, missing: Sequence[Shard], output: Path) -> Iterator[Shard]:
        if not missing:
            return
        with _cluster(address) as ray:
            count, needs = _resources(ray.cluster_resources(), workers)
            together = max(1, min(TOGETHER, len(missing) // count))
            numbers = [{"id": shard.number} for shard in missing]
            blocks = -(-len(numbers) // together)
            data = ray.data.from_items(numbers, override_num_blocks=blocks).map_batches(
                Worker,
                batch_size=together,
                fn_constructor_args=(make, dict(origin), plan, output.resolve()),
                compute=ray.data.ActorPoolStrategy(size=count),
                **needs,
            )
            for row in data.iter_rows():
                yield plan.shards[row["id"]]

    return do


def _resources(cluster: Mapping[str, float], workers: int) -> tuple[int, dict[str, float]]:
    """How many workers there are to be, and what each of them needs for itself."""
    gpus, cpus = (int(cluster.get(name, 0)) for name in ("GPU", "CPU"))
    count = workers or gpus or max(cpus, 1)
    if gpus:
        return count, {"num_gpus": min(1.0, gpus / count), "num_cpus": 0.0}
    return count, {"num_cpus": min(0.5, cpus / (2 * count))}  # Ray has small tasks of its own


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Ray, connected; what a worker says of a mistake of the user is told as such."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError("--ray needs Ray: pip install -e '.[ray]'.") from error
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise UserError(f"There is no cluster of Ray at {address or 'this machine'}.") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    try:
        yield ray
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)
        if isinstance(cause, UserError):
            raise UserError(str(cause)) from error
        raise
    finally:
        ray.shutdown()
