"""One training step of configs/umre.py:paper, with random weights: time and peak memory.

    python tests/benchmarks/bench_remote_step.py [--batch=2] [--steps=5] [--dtype=float32]

BERT-base and ViT-B/32 at 128 tokens and 12 objects, AdamW included. Each variant of the fusion runs
in a process of its own, so that its peak memory is its own; the steps of the variants are then
compared as ratios to the one without fusion.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import training_step

FUSIONS = ("none", "sinkhorn", "exact", "cross_attention")
"""`model.mot`; "exact" is Sinkhorn with Newton steps."""
RELATIONS, VOCABULARY = 28, 30530


def base_sizes(config):
    """BERT-base and ViT-B/32 from their sizes, since nothing is downloaded here."""
    block = {"dim": 768, "layers": 12, "heads": 12, "mlp_dim": 3072, "dropout": 0.1}
    config.text = {"pretrained": "", "vocab_size": VOCABULARY, "max_positions": 512, **block}
    config.vision = {"pretrained": "", "image_size": 224, "patch": 32, **block}


def make_batch(config, size: int):
    """Full sequences and every object present: the most work a batch can be."""
    import numpy as np

    rng = np.random.default_rng(0)
    n, o, s = config.data.max_tokens, config.data.max_objects, config.data.crop
    return {
        "tokens": rng.integers(0, VOCABULARY, (size, n), dtype=np.int32),
        "token_mask": np.ones((size, n), bool),
        "token_types": np.zeros((size, n), np.int32),
        "rgb": rng.integers(0, 255, (size, o, s, s, 3), dtype=np.uint8),
        "depth": rng.integers(0, 255, (size, o, s, s), dtype=np.uint8),
        "rgb_mask": np.ones((size, o), bool),
        "depth_mask": np.ones((size, o), bool),
        "boxes": np.sort(rng.random((size, o, 4), dtype=np.float32), -1)[..., [0, 1, 2, 3]],
        "marker": np.tile(np.array([3, 9], np.int32), (size, 1)),
        "object": np.tile(np.array([-1, 0], np.int32), (size, 1)),
        "label": rng.integers(0, RELATIONS, size, dtype=np.int32),
        "weight": np.ones(size, np.float32),
        "row": np.arange(size, dtype=np.int32),
    }


def measure(fusion: str, size: int, steps: int, dtype: str) -> dict[str, float]:
    """Compiles and runs the step of this process's one variant."""
    import jax
    from flax import nnx

    from configs import umre
    from remote_jax.remote import build
    from remote_jax.remote.task import make_task
    from remote_jax.runtime import allocator, sharding
    from remote_jax.training.state import count

    allocator.keep_freed_memory()  # as the command line does

    config = umre.get_config("paper")
    base_sizes(config)
    config.model.mot = "sinkhorn" if fusion == "exact" else fusion
    config.model.exact, config.compute_dtype = fusion == "exact", dtype
    model = build.remote(config, relations=RELATIONS, vocabulary=VOCABULARY, rngs=nnx.Rngs(0))
    step, state, _, mesh = training_step.begin(make_task(config), model)
    del model
    parameters = count(state.params)
    batch = sharding.put_batch(make_batch(config, size), mesh)
    began = time.monotonic()
    state, scalars = jax.block_until_ready(step(state, batch))
    compiled = time.monotonic() - began
    seconds = []
    for _ in range(steps):
        began = time.monotonic()
        state, scalars = jax.block_until_ready(step(state, batch))
        seconds.append(time.monotonic() - began)
    stats = jax.devices()[0].memory_stats() or {}
    return {
        "parameters": parameters,
        "first_step_s": compiled,
        "step_s": statistics.median(seconds),
        "peak_gb": stats.get(
            "peak_bytes_in_use", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        )
        / 1e9,
        "loss": float(scalars["loss"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--fusion", choices=FUSIONS, help="measure this one, in this process")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    if options.fusion:
        print(json.dumps(measure(options.fusion, options.batch, options.steps, options.dtype)))
        return
    results = {}
    for fusion in FUSIONS:
        command = [sys.executable, __file__, f"--batch={options.batch}", f"--fusion={fusion}"]
        command += [f"--steps={options.steps}", f"--dtype={options.dtype}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        results[fusion] = json.loads(done.stdout.splitlines()[-1])
    print(f"batch {options.batch}, {options.dtype}")
    print("fusion           step s   of none   peak GB   first step s   parameters")
    for fusion, result in results.items():
        ratio = result["step_s"] / results["none"]["step_s"]
        print(
            f"{fusion:15}  {result['step_s']:6.2f}   {ratio:7.2f}   {result['peak_gb']:7.2f}"
            f"   {result['first_step_s']:12.1f}   {result['parameters']:,}"
        )


if __name__ == "__main__":
    main()
