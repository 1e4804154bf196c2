"""How time and memory of a training step grow with the data: slopes on a log-log scale.

    python tests/benchmarks/bench_growth.py [--only=entities,tokens] [--steps=5]

One size at a time grows, the others stay. Models are small (64 wide, two layers; ROAM 64
long), batches full. A slope of 1 is linear; time is the median of `--steps` steps, memory what the
compiled step holds. Slopes are those of the last two sizes, where constants weigh least.

- tokens, objects, pairs: REMOTE. Attention and transport are quadratic in tokens and in objects.
- entities, drawn: entities of ROAM, each a candidate, or 1,024 of them that are drawn.
- touched: as drawn, and only rows of the table that a step reads are updated.
- groups, modalities: K and M of ROAM.
- ranked: entities of ROAM of which 1,024 queries are ranked, probabilities included. Memory is that
  of the program beside what it is given, parameters and candidates. `--compile-only` runs nothing.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import beside
import numpy as np
import training_step

BATCH = 8
QUERIES = 256


def remote(tokens: int = 64, objects: int = 4, pairs: int = 0) -> tuple[Any, Any, dict]:
    """Task, model and batch of REMOTE; with `pairs`, so many of a post in one pass."""
    import bench_remote_step
    from flax import nnx

    from configs import umre
    from remote_jax.remote import build
    from remote_jax.remote.task import make_task

    config = umre.get_config("paper")
    block = {"dim": 64, "layers": 2, "heads": 2, "mlp_dim": 256, "dropout": 0.1}
    config.text = {"pretrained": "", "vocab_size": 1000, "max_positions": 1024, **block}
    config.vision = {"pretrained": "", "image_size": 224, "patch": 32, **block}
    config.data.update({"max_tokens": tokens, "max_objects": objects})
    if pairs:
        config.model.pairs, config.data.max_pairs = "shared", pairs
    batch = bench_remote_step.make_batch(config, BATCH)
    batch["tokens"] %= 1000
    if pairs:
        batch = {n: x for n, x in batch.items() if n != "marker"} | of_pairs(pairs)
    model = build.remote(config, relations=28, vocabulary=1000, rngs=nnx.Rngs(0))
    task = make_task(config)
    task.__dict__["_pairs_each"] = float(pairs or 1)  # else it is counted in data
    return task, model, batch


def of_pairs(pairs: int) -> dict[str, np.ndarray]:
    """What a batch of the shared form has in place of one pair's."""
    shape = (BATCH, pairs)
    return {
        "markers": np.full((*shape, 4), 7, np.int32),
        "places": np.tile(np.array([3, 4, 9, 10], np.int32), (*shape, 1)),
        "object": np.tile(np.array([-1, 0], np.int32), (*shape, 1)),
        "pair_mask": np.ones(shape, bool),
        "label": np.zeros(shape, np.int32),
        "weight": np.ones(shape, np.float32),
        "row": np.zeros(shape, np.int32),
    }


def roam(
    entities: int = 4000,
    groups: int = 2,
    modalities: int = 3,
    drawn: int = 0,
    sparse: bool = False,
) -> tuple[Any, Any, dict]:
    """The same of ROAM, with structure and features of other modalities."""
    from flax import nnx

    from configs import mkg_y
    from remote_jax.roam.model.roam import Sizes
    from remote_jax.roam.ranking import pack
    from remote_jax.roam.task import make_task

    config = mkg_y.get_config("paper")
    config.model.update({"dim": 64, "relation_dim": 64, "hidden": 64, "groups": groups})
    if drawn:
        config.model.update({"negatives": drawn, "loss": "softmax"})
    config.train.sparse_tables = sparse
    features = {f"m{number}": 64 for number in range(modalities - 1)}
    task = make_task(config)
    model = task.architecture(config, Sizes(entities, 10, features), rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    for table in model.features.values():
        table.fill(rng.normal(size=(entities, 64)).astype(np.float32), np.ones(entities, bool))
    query = np.stack([rng.integers(0, entities, QUERIES), rng.integers(0, 20, QUERIES)], 1)
    answers = rng.integers(0, entities, (QUERIES, 3))
    known = np.stack([pack(row, entities) for row in answers])
    asked = {"answer": answers[:, 0].astype(np.int32)} if drawn else {"known": known}
    return task, model, {"query": query.astype(np.int32), **asked}


def measure(task: Any, model: Any, batch: dict, steps: int) -> tuple[float, float]:
    """Seconds of a step, and gigabytes that it holds."""
    import jax

    from remote_jax.runtime import sharding

    made, state, _, mesh = training_step.begin(task, model)
    sent = sharding.put_batch(batch, mesh)
    step = made.lower(state, sent).compile()
    seconds = []
    for _ in range(steps + 1):  # the first is not counted
        began = time.monotonic()
        state, _ = jax.block_until_ready(step(state, sent))
        seconds.append(time.monotonic() - began)
    return statistics.median(seconds[1:]), beside.held_gb(step)


def sizes() -> Iterator[tuple[str, list[int], Callable[[int], tuple[Any, Any, dict]]]]:
    """What grows, and what is measured at each size."""
    yield "tokens", [32, 64, 128, 256], lambda size: remote(tokens=size)
    yield "objects", [2, 4, 8, 16], lambda size: remote(objects=size)
    yield "pairs", [4, 8, 16, 32], lambda size: remote(pairs=size)
    yield "entities", [8000, 16000, 32000, 64000], lambda size: roam(entities=size)
    entities = [16000, 128000, 1024000, 2048000]
    alone = {"modalities": 1, "drawn": 1024}
    yield "drawn", entities, lambda size: roam(entities=size, **alone)
    yield "touched", entities, lambda size: roam(entities=size, **alone, sparse=True)
    yield "groups", [1, 2, 4, 8], lambda size: roam(groups=size)
    yield "modalities", [1, 2, 4, 8], lambda size: roam(modalities=size)


def slope(values: list[float], at: list[int]) -> float:
    """Of the last two, on a log-log scale."""
    return math.log(values[-1] / values[-2]) / math.log(at[-1] / at[-2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="names of sizes, with commas")
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from remote_jax.runtime import allocator

    allocator.keep_freed_memory()  # as the command line does
    wanted = set(filter(None, options.only.split(",")))
    print("| what grows | sizes | seconds a step | slope | memory of the step, GB | slope |")
    print("|---|---|---|---|---|---|")
    for name, at, make in sizes():
        if wanted and name not in wanted:
            continue
        found = [measure(*make(size), options.steps) for size in at]
        seconds, held = (list(column) for column in zip(*found, strict=True))
        cells = [
            name,
            ", ".join(f"{size:,}" for size in at),
            ", ".join(f"{x:.3f}" for x in seconds),
            f"{slope(seconds, at):.2f}",
            ", ".join(f"{x:.3f}" for x in held),
            f"{slope(held, at):.2f}",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
