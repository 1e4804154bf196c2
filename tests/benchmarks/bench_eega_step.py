"""Training steps of configs/jmere.py:paper's model: sixteen sentences at once, or one by one.

    python tests/benchmarks/bench_eega_step.py [--batch=16] [--rounds=10] [--text=384,6,1536]

70 word pieces and as many words, 10 objects, all graphs, the alignment and AdamW included, with
random weights. `--text` is width, layers and hidden width of BERT, by default those of MiniLM;
768,12,3072 are BERT-base's. Objects are cut to 64 pixels, or the ViT is all there is to measure.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import training_step

VOCABULARY = 30530


def make_config(text: str, picture: bool):
    """The paper's model around encoders of a size."""
    from configs import jmere

    dim, layers, mlp_dim = map(int, text.split(","))
    config = jmere.get_config("paper")
    config.features.picture = picture
    config.data.crop = 64
    config.text = {
        **{"pretrained": "", "vocab_size": VOCABULARY, "max_positions": 512, "dropout": 0.1},
        **{"dim": dim, "layers": layers, "heads": 12, "mlp_dim": mlp_dim},
    }
    config.vision = {
        **{"pretrained": "", "image_size": 224, "patch": 32, "dropout": 0.1},
        **{"dim": 192, "layers": 4, "heads": 8, "mlp_dim": 768},
    }
    config.model.update({"heads": 8, "hidden": 128, "pair_features": True})
    return config


def make_batch(config, sizes, size: int):
    """Full sentences and every object present: the most work a batch can be."""
    import numpy as np

    from remote_jax.eega.graphs.cooccurrence import LEVELS
    from remote_jax.eega.graphs.text_graph import DISTANCES

    rng = np.random.default_rng(0)
    data = config.data
    p, n, k, s = data.max_tokens, data.max_words, data.max_objects, data.crop
    chain = np.abs(np.subtract.outer(np.arange(n), np.arange(n))) < 2
    return {
        "tokens": rng.integers(0, VOCABULARY, (size, p), dtype=np.int32),
        "token_mask": np.ones((size, p), bool),
        "word": np.tile(np.arange(p, dtype=np.int32), (size, 1)),
        "words": np.ones((size, n), bool),
        "edges": rng.integers(1, sizes.edges, (size, n, n), dtype=np.int32) * chain,
        "pos": rng.integers(1, sizes.pos, (size, n), dtype=np.int32),
        "distance": rng.integers(0, DISTANCES, (size, n, n), dtype=np.int32),
        "pmi": rng.integers(0, LEVELS, (size, n, n), dtype=np.int32),
        "rgb": rng.integers(0, 255, (size, k, s, s, 3), dtype=np.uint8),
        "objects": np.ones((size, k), bool),
        "classes": np.zeros((size, k), np.int32),
        "object_edges": rng.integers(1, sizes.object_edges, (size, k, k), dtype=np.int32),
        "tags": rng.integers(0, sizes.tags, (size, n, n), dtype=np.int32),
    }


def make_run(config, size: int) -> Callable[[], float]:
    """What makes one more training step, compiled here, and says the seconds it took."""
    from flax import nnx

    from remote_jax.eega import build
    from remote_jax.eega.task import make_task
    from remote_jax.runtime import sharding

    sizes = build.Sizes(VOCABULARY, tags=26, edges=48, pos=19, classes=151, object_edges=102)
    begun = training_step.begin(make_task(config), build.eega(config, sizes, rngs=nnx.Rngs(0)))
    batch = sharding.put_batch(make_batch(config, sizes, size), begun.mesh)
    return partial(training_step.timed(begun), batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--text", default="384,6,1536")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    print("            at once s   one by one s   ratio (from, to)   first step s")
    for picture in (True, False):
        config = make_config(options.text, picture)
        together, alone = make_run(config, options.batch), make_run(config, 1)
        first = together()
        alone()
        # Turn about: a machine that slows down slows both.
        rounds = [
            (together(), sum(alone() for _ in range(options.batch))) for _ in range(options.rounds)
        ]
        once, each = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = sorted(one / at_once for at_once, one in rounds)
        name = "pictures" if picture else "text alone"
        print(
            f"{name:11} {once:9.2f}   {each:12.2f}   {statistics.median(ratios):5.1f}"
            f" ({ratios[0]:.1f}, {ratios[-1]:.1f})   {first:12.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
