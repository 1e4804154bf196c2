"""Training steps of EEGA with frozen encoders that are run in each step, or were run once before.

    python tests/benchmarks/bench_eega_frozen.py [--batch=16] [--rounds=5] [--text=384,6,1536]
        [--vision=192,4,768] [--crop=64] [--frozen=vision/vit]

The model, the batch and `--text` are those of bench_eega_step.py. `--vision` is width, layers and
hidden width of the ViT, and `--crop` the side of crops; 768,12,3072 and 224 are those of
configs/jmere.py:paper. `--frozen` has values of `train.frozen`, by default three. In each
round every step is done once, so that a machine that slows down slows all of them. The last column
is a forward pass of the encoders alone, for a batch: what is done once.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import training_step
from bench_eega_step import VOCABULARY, make_batch, make_config

FROZEN = {
    "vision/vit": ("object_vectors",),
    "text/bert": ("word_vectors",),
    "vision/vit,text/bert": ("object_vectors", "word_vectors"),
}


def make_steps(config, batch: int) -> tuple[Callable[[], float], Callable[[], float], float]:
    """What makes a step with and without the encoders, and how long a pass of them alone takes."""
    import jax
    from flax import nnx

    from remote_jax.eega import build
    from remote_jax.eega.task import make_task
    from remote_jax.runtime import sharding
    from remote_jax.training.optimizer import frozen

    sizes = build.Sizes(VOCABULARY, tags=26, edges=48, pos=19, classes=151, object_edges=102)
    model = build.eega(config, sizes, rngs=nnx.Rngs(0))
    begun = training_step.begin(make_task(config), model, kept=frozen(config.train))
    params = begun.state.params
    read = make_batch(config, sizes, batch)

    @jax.jit
    def encode(params, batch):
        model = begun.skeleton.model(params)
        parts = {"object_vectors": model.vision, "word_vectors": model.text}
        return {name: parts[name].vectors(batch) for name in FROZEN[config.train.frozen]}

    made = jax.block_until_ready(encode(params, read))
    began = time.monotonic()
    jax.block_until_ready(encode(params, read))
    once = time.monotonic() - began
    made = {**read, **made}
    if "object_vectors" in made:
        made.pop("rgb")
    batches = [sharding.put_batch(jax.device_get(one), begun.mesh) for one in (read, made)]
    run = training_step.timed(begun)
    each, before = (partial(run, one) for one in batches)
    return each, before, once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--text", default="384,6,1536")
    parser.add_argument("--vision", default="192,4,768")
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--frozen", choices=FROZEN, nargs="*", default=list(FROZEN))
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print(
        "frozen                 run in each step s   run before s   ratio (from, to)   a pass s",
        flush=True,
    )
    for frozen in options.frozen:
        config = make_config(options.text, picture=True)
        config.train.frozen, config.data.crop = frozen, options.crop
        sizes = map(int, options.vision.split(","))
        config.vision.update(dict(zip(("dim", "layers", "mlp_dim"), sizes, strict=True)))
        each, before, once = make_steps(config, options.batch)
        each(), before()
        rounds = [(each(), before()) for _ in range(options.rounds)]
        one, other = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = sorted(slow / fast for slow, fast in rounds)
        print(
            f"{frozen:22} {one:18.2f}   {other:12.2f}   {statistics.median(ratios):5.2f}"
            f" ({ratios[0]:.2f}, {ratios[-1]:.2f})   {once:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
