"""Steps of training with two settings of batches, which take turns in one process.

    python tests/benchmarks/bench_batching.py --other=data.group=post [--both=data.buckets=6]
        [--config=umre] [--batches=12] [--rounds=5]

The settings differ in `--other`, and have `--both` in common: KEY=VALUE, separated by blanks. Each
has its own first batches of training on the generated sample; a round does all of them once.
Printed are milliseconds an example, medians with least and most, and the ratio of both.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import training_step


def values(text: str) -> dict[str, object]:
    """Values by key; what is no Python literal is a text."""
    found: dict[str, object] = {}
    for part in text.split():
        key, _, value = part.partition("=")
        try:
            found[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[key] = value
    return found


def round_of(config: str, changes: Mapping[str, object], count: int) -> Callable[[], float]:
    """Does a step with each of the first batches; gives milliseconds an example."""
    import jax
    from flax import nnx

    from remote_jax import config as configs
    from remote_jax.data.batches import pipeline
    from remote_jax.data.batches.repeats import Repeats
    from remote_jax.runtime import sharding
    from remote_jax.task import make_task
    from remote_jax.training.plan import order_of, order_settings

    task = make_task(configs.override(configs.load(config), {"data.workers": 0, **changes}))
    with tempfile.TemporaryDirectory() as folder:
        task.prepare(Path(folder), anew=True)
        made = task.model(nnx.Rngs(0))
    step, state, _, mesh = training_step.begin(task, made)
    data, settings = task.dataset("train"), order_settings(task, task.config)
    repeats = Repeats.of_training(mesh, order_of(task, task.config))
    read = pipeline.train_batches(data, **settings, steps=count)
    batches = list(itertools.islice(read, count))
    examples = sum(len(batch["label"]) for batch in batches)
    sent = [sharding.put_batch(repeats(batch), mesh) for batch in batches]
    shapes = {tuple(x.shape for x in batch.values()) for batch in sent}
    print(
        f"{dict(changes)}: {examples} examples in {count} steps, {len(shapes)} programs {repeats}"
    )
    holder = [state]

    def work() -> float:
        began = time.monotonic()
        for batch in sent:
            holder[0], _ = step(holder[0], batch)
        jax.block_until_ready(holder[0])
        return 1000 * (time.monotonic() - began) / examples

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="umre")
    parser.add_argument("--other", required=True)
    parser.add_argument("--both", default="")
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    both = values(options.both)
    sides = {
        "without": round_of(options.config, both, options.batches),
        options.other: round_of(options.config, both | values(options.other), options.batches),
    }
    for work in sides.values():
        work()  # compiles
    rounds = [[work() for work in sides.values()] for _ in range(options.rounds)]
    for name, found in zip(sides, zip(*rounds, strict=True), strict=True):
        print(f"{name}: {statistics.median(found):.2f} ({told(found)}) ms an example")
    ratios = [one / other for one, other in rounds]
    print(f"{options.other} is {statistics.median(ratios):.2f} ({told(ratios)}) times as fast")


def told(found) -> str:
    """Least and most."""
    return f"{min(found):.2f} to {max(found):.2f}"


if __name__ == "__main__":
    main()
