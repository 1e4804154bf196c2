"""A training step on CPU with memory that is kept between steps, and with that of glibc's default.

    python tests/benchmarks/bench_allocator.py [--steps=5] [--rounds=3]

REMOTE on sentences alone, six layers of width 384, 56 tokens, batch 32. Both stay up in a process
each and take turns; printed are medians with least and most, and the peak memory of each.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIDES = ("default", "kept")


def make_step():
    """A step that trains on one batch; it returns what it made."""
    import jax.numpy as jnp
    from bench_remote_step import RELATIONS, VOCABULARY, make_batch
    from flax import nnx

    from configs import mnre
    from remote_jax.remote import build
    from remote_jax.remote.task import make_task
    from remote_jax.runtime import sharding
    from remote_jax.training.optimizer import make_optimizer, make_step
    from remote_jax.training.state import TrainState, split

    config = mnre.get_config("minilm")
    block = {"dim": 384, "layers": 6, "heads": 12, "mlp_dim": 1536, "dropout": 0.1}
    config.text = {"pretrained": "", "vocab_size": VOCABULARY, "max_positions": 512, **block}
    sizes = {"relations": RELATIONS, "vocabulary": VOCABULARY}
    skeleton, params = split(build.remote(config, **sizes, rngs=nnx.Rngs(0)))
    optimizer, _ = make_optimizer(config.train, 1000)
    mesh = sharding.make_mesh(config.mesh)
    step = make_step(make_task(config), skeleton, optimizer, 0, mesh)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    whole = make_batch(config, 32)
    seen = ("rgb", "depth", "boxes", "rgb_mask", "depth_mask")  # none, as in a post without picture
    batch = {name: x[:, :0] if name in seen else x for name, x in whole.items()}
    there = sharding.put_batch(batch, mesh)

    def run():
        nonlocal state
        state, _ = step(state, there)
        return state

    return run


def serve(side: str, steps: int) -> None:
    """Runs so many steps at every line of standard input, and prints their seconds."""
    import jax

    from remote_jax.runtime import allocator

    if side == "kept" and not allocator.keep_freed_memory():
        sys.exit("the environment chooses an allocator, or this is not glibc")
    step = make_step()
    for _ in range(2):  # the state of the second step lies elsewhere, which compiles anew
        jax.block_until_ready(step())
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        for _ in range(steps):
            made = step()
        jax.block_until_ready(made)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps([(time.monotonic() - began) / steps, peak]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help="be this one, in this process")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if options.side:
        serve(options.side, options.steps)
        return
    command = [sys.executable, __file__, f"--steps={options.steps}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = {side: subprocess.Popen([*command, f"--side={side}"], **pipes) for side in SIDES}
    for process in running.values():
        process.stdout.readline()
    found: dict[str, list[list[float]]] = {side: [] for side in SIDES}
    for _ in range(options.rounds):
        for side, process in running.items():
            process.stdin.write("\n")
            process.stdin.flush()
            found[side].append(json.loads(process.stdout.readline()))
    for process in running.values():
        process.stdin.close()
        process.wait()
    for side, rounds in found.items():
        seconds = [one for one, _ in rounds]
        middle, peak = statistics.median(seconds), max(one for _, one in rounds)
        print(f"{side:8} {middle:.2f} s ({min(seconds):.2f} to {max(seconds):.2f}), {peak:.1f} GB")
    ratios = [a / b for (a, _), (b, _) in zip(found["default"], found["kept"], strict=True)]
    print(f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
