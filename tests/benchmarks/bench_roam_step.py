"""One training step of ROAM with every modality, on graphs of published sizes: time and memory.

    python tests/benchmarks/bench_roam_step.py [--steps=5] [--graphs=mkg_y,db15k] [--dtype=float32]
        [--features-dim=256]

Features and queries are random; what a step costs does not depend on them. Each graph runs in a
process of its own, so that its peak memory is its own. "step GB" is what the compiled step holds at
most: parameters, optimizer state, batch and all that it makes on the way. "peak GB" is the device's
account, or without one the largest the process has been: Python, its libraries and the compiler
too. The settings are those of `:paper`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import beside

LENGTHS = {  # of image and text features: Table 6
    "mkg_w": (256, 256),
    "mkg_y": (256, 256),
    "db15k": (4096, 768),
    "kvc16k": (768, 768),
}


def measure(name: str, steps: int, dtype: str, features_dim: int) -> dict[str, float]:
    """Compiles and runs the step of this process's one graph."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from flax import nnx

    from remote_jax.roam.data.builders import BUILDERS
    from remote_jax.roam.model.roam import Sizes
    from remote_jax.roam.ranking import pack
    from remote_jax.roam.task import make_task
    from remote_jax.runtime import sharding
    from remote_jax.training.optimizer import frozen, make_optimizer, make_step
    from remote_jax.training.state import TrainState, count, split

    config = importlib.import_module(f"configs.{name}").get_config("paper")
    config.compute_dtype = dtype
    published = BUILDERS[name].published
    most = features_dim or max(LENGTHS[name])
    assert published is not None
    sizes = Sizes(
        published.entities,
        published.relations,
        {k: min(n, most) for k, n in zip(("image", "text"), LENGTHS[name], strict=True)},
    )
    task = make_task(config)
    skeleton, params = split(task.architecture(config, sizes, rngs=nnx.Rngs(0)))
    for place, value in params.items():
        if place.startswith("features/") and place.endswith("values"):
            params[place] = jax.random.normal(jax.random.key(0), value.shape)
        elif place.startswith("features/"):
            params[place] = jnp.ones(value.shape)
    optimizer, _ = make_optimizer(config.train, 1000)
    mesh = sharding.make_mesh(config.mesh)
    step = make_step(task, skeleton, optimizer, 0, mesh, kept=frozen(config.train))
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    parameters = count(params)
    del params
    rng = np.random.default_rng(0)
    size, entities = config.train.batch_size, sizes.entities
    query = [rng.integers(0, entities, size), rng.integers(0, 2 * sizes.relations, size)]
    known = [pack(rng.integers(0, entities, 3), entities) for _ in range(size)]
    batch = {"query": np.stack(query, 1).astype(np.int32), "known": np.stack(known)}
    batch = sharding.put_batch(batch, mesh)
    began = time.monotonic()
    step = step.lower(state, batch).compile()
    compiled = time.monotonic() - began
    seconds = []
    for _ in range(steps + 1):  # the first is not counted
        began = time.monotonic()
        state, _ = jax.block_until_ready(step(state, batch))
        seconds.append(time.monotonic() - began)
    stats = jax.devices()[0].memory_stats() or {}
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "parameters": parameters,
        "compile_s": compiled,
        "step_s": statistics.median(seconds[1:]),
        "step_gb": beside.held_gb(step),
        "peak_gb": stats.get("peak_bytes_in_use", host) / 1e9,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--graphs", default="mkg_y,db15k")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--features-dim", type=int, default=0, help="`model.features_dim`")
    parser.add_argument("--graph", choices=LENGTHS, help="measure this one, in this process")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    if options.graph:
        asked = options.graph, options.steps, options.dtype, options.features_dim
        print(json.dumps(measure(*asked)))
        return
    print("graph   step s   step GB   peak GB   compile s   parameters")
    for name in options.graphs.split(","):
        command = [sys.executable, __file__, f"--graph={name}"]
        command += [f"--steps={options.steps}", f"--dtype={options.dtype}"]
        command += [f"--features-dim={options.features_dim}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        result = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{name:6}  {result['step_s']:6.2f}   {result['step_gb']:7.2f}"
            f"   {result['peak_gb']:7.2f}   {result['compile_s']:9.1f}"
            f"   {result['parameters']:,}",
            flush=True,
        )


if __name__ == "__main__":
    main()
