"""REMOTE with a text for each pair and with one pass over a post, on posts of so many pairs.

    python tests/benchmarks/bench_together.py [--pairs=5] [--posts=4] [--rounds=5] [--dim=64]
        [--layers=2]

Posts are those of the generated sample that have at least so many pairs, and the same pairs are
read in both forms; batches are cut to their longest text, and to their objects. Steps of training
and of predicting take turns; printed are milliseconds a pair, medians with least and most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import training_step

FORMS = ("each", "shared")
LENGTH = 160


def make_task(form: str, options: argparse.Namespace):
    """The task of the sample with room for all captions; its folder lives as long as it is held."""
    from configs import umre
    from remote_jax.remote import task

    config = umre.get_config()
    config.model.pairs = form
    config.data.update({"max_tokens": LENGTH, "max_pairs": options.pairs, "workers": 0})
    config.data.update({"reverse": 0.0, "unlisted": 0.0})
    config.data.sample.train = 400
    sizes = {"dim": options.dim, "layers": options.layers, "heads": options.dim // 32}
    for encoder in (config.text, config.vision):
        encoder.update({**sizes, "mlp_dim": 4 * options.dim})
    config.text.max_positions = LENGTH
    made, folder = task.make_task(config), tempfile.TemporaryDirectory()
    made.prepare(Path(folder.name), anew=True)
    return made, folder


def batch_of(task, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """The same pairs of the same posts, whatever the form."""
    from remote_jax.data.media import Folder

    found = task.pairs.training
    posts, counts = np.unique(found.posts, return_counts=True)
    chosen = posts[counts >= options.pairs][: options.posts]
    if len(chosen) < options.posts:
        raise SystemExit(f"the sample has {len(chosen)} posts of {options.pairs} pairs or more")
    rows = [np.flatnonzero(found.posts == post)[: options.pairs].tolist() for post in chosen]
    records = task.pairs.examples("train")
    pairs = [tuple(records[row] for row in group) for group in rows]
    shared = task.form.shared
    examples = pairs if shared else [pair for group in pairs for pair in group]
    featurize = task.form.featurize(task.tokenizer, Folder(task.pairs.root, task.pairs.distances))
    features = [featurize.map(example) for example in examples]
    batch = {name: np.stack([one[name] for one in features]) for name in features[0]}
    longest = featurize.extents(examples).filled.max(0)
    print(f"{task.config.model.pairs}: {len(examples)} examples of at most {longest.tolist()}")
    return featurize.padding.cut(batch, tuple(longest.tolist()))


def sides(options: argparse.Namespace) -> dict[tuple[str, str], Callable[[], None]]:
    """What is timed, by form and work."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from remote_jax.data.batches.repeats import Repeats
    from remote_jax.runtime import sharding
    from remote_jax.training.evaluation import make_predict

    found: dict[tuple[str, str], Callable[[], None]] = {}
    for form in FORMS:
        task, folder = make_task(form, options)
        step, state, skeleton, mesh = training_step.begin(task, task.model(nnx.Rngs(0)))
        features = batch_of(task, options)
        batch = sharding.put_batch(features, mesh)
        predict = make_predict(task, skeleton, mesh, gauges=False)
        kept = jax.tree.map(jnp.copy, state.params)
        holder = [state, folder]

        def train(step=step, holder=holder, batch=batch) -> None:
            holder[0], _ = jax.block_until_ready(step(holder[0], batch))

        asked = sharding.put_batch(Repeats(mesh)(features), mesh)

        def answer(predict=predict, kept=kept, batch=asked) -> None:
            jax.block_until_ready(predict.batch(kept, None, batch))

        found[form, "training"], found[form, "predicting"] = train, answer
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("pairs", 5), ("posts", 4), ("rounds", 5), ("dim", 64), ("layers", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parents[2]))
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    made = sides(options)
    for work in made.values():
        work()
        work()
    seconds: dict[tuple[str, str], list[float]] = {side: [] for side in made}
    for _ in range(options.rounds):
        for side, work in made.items():
            began = time.monotonic()
            for _ in range(3):
                work()
            seconds[side].append((time.monotonic() - began) / 3)
    pairs = options.pairs * options.posts
    for (form, kind), values in seconds.items():
        each = [1000 * value / pairs for value in (statistics.median(values), *values)]
        print(f"{kind:10} {form:6} {each[0]:.2f} ({min(each):.2f} to {max(each):.2f}) ms a pair")
    for kind in ("training", "predicting"):
        both = zip(seconds["each", kind], seconds["shared", kind], strict=True)
        ratios = [one / other for one, other in both]
        told = f"{statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"{kind}: {told} times as fast")


if __name__ == "__main__":
    main()
