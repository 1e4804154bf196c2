"""ROAM beside the public code of MoMoK, in PyTorch, on MKG-Y: training steps, and ranking.

    git clone https://github.com/zjukg/MoMoK PUBLIC
    python3 -m venv TORCH && TORCH/bin/pip install torch numpy
    python tests/benchmarks/bench_public_roam.py --public=PUBLIC --data=MKG_Y_FOLDER \
        --python-torch=TORCH/bin/python [--batch=1024] [--steps=2] [--rounds=3] [--threads=1] \
        [--works training] [--preset=paper] [--negatives=0]

Both read the triples of `--data`; entities have random features, 256 numbers of images and 256 of
texts. A step of training is one of `--batch` queries with all entities as candidates, the making of
its batch included:

- MoMoK's is what its `train.py` does for a batch, with its defaults: dense targets, three experts a
  modality, four Tucker scores, binary cross-entropy of each, the estimator of mutual information in
  the loss, Adam, and a step of that estimator.
- Ours is the loop's own step with the `--preset` of `configs/mkg_y.py`: a batch of the pipeline,
  four groups of experts a modality, transport, one Tucker score, and Adam with a clipped norm. The
  models are not the same; "paper" has the dimension, the batch and the learning rate of MoMoK.
  With `--negatives` a softmax over so many drawn candidates takes the place of its loss.

Ranking is that of the whole test split in both directions, filtered, up to its metrics: MoMoK's
`get_validation_pred`, and ours as a run evaluates, at a temperature, with calibration errors. What
both make ready once for a run is not timed: the graph, features and tables of known answers. Each
side has a process of its own and they take turns, `--steps` steps or one ranking, `--rounds` times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import beside
import numpy as np
import training_step

if TYPE_CHECKING:
    import torch

TRAINING, RANKING = "training", "ranking"
FEATURES = 256
TEXT_BEFORE_POOLING = 12 * 32
"""Numbers of a text that MoMoK pools to `FEATURES`; it takes images as they are."""


def random_features(entities: int, length: int, seed: int) -> np.ndarray:
    """A row an entity."""
    return np.random.default_rng(seed).normal(size=(entities, length)).astype(np.float32)


class Public:
    """MoMoK, as its `train.py` sets it up and runs it.

    Args:
        options: of the command line; `public` is on the path of modules by then.
    """

    def __init__(self, options: argparse.Namespace):
        import torch
        from models.modules import MIEstimator
        from models.RelMoE import RelMoE

        self.options = options
        self.corpus, sizes = public_corpus(options)
        images, texts = (
            random_features(len(sizes.entity2id), length, seed)
            for seed, length in enumerate((FEATURES, TEXT_BEFORE_POOLING))
        )
        normal = torch.nn.functional.normalize
        sizes.img, sizes.desp = normal(torch.as_tensor(images)), normal(torch.as_tensor(texts))
        self.model = RelMoE(sizes)
        sizes.img_dim, sizes.txt_dim = self.model.img_dim, self.model.txt_dim
        assert (sizes.img_dim, sizes.txt_dim) == (FEATURES, FEATURES)
        self.estimator, self.weight = MIEstimator(sizes), sizes.mu
        self.adam, self.adam_of_estimator = (
            torch.optim.Adam(part.parameters(), lr=sizes.lr)
            for part in (self.model, self.estimator)
        )
        self._batches = self._all_batches()

    def _all_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Whole batches of one epoch after another."""
        while True:
            self.corpus.shuffle()
            for number in range(len(self.corpus.train_indices) // self.options.batch):
                yield self.corpus.get_batch(number)

    def _step(self) -> int:
        """Of the model, and of the estimator."""
        import torch

        self.estimator.eval()
        queries, targets = next(self._batches)
        self.adam.zero_grad()
        scores, parts = self.model(queries)
        loss = self.model.loss_func(scores, targets) + self.weight * self.estimator(parts)
        loss.backward()
        self.adam.step()
        self.estimator.train()
        with torch.no_grad():
            parts = self.model.get_batch_embeddings(queries)
        loss_of_estimator = self.estimator.train_estimator(parts)
        self.adam_of_estimator.zero_grad()
        loss_of_estimator.backward()
        self.adam_of_estimator.step()
        for value in (loss, loss_of_estimator):
            value.item()  # as its loop keeps them
        return len(queries)

    def train(self) -> int:
        """`--steps` steps; the queries of them."""
        self.model.train()
        return sum(self._step() for _ in range(self.options.steps))

    def rank(self) -> int:
        """The test split; its queries."""
        import torch

        self.model.eval()
        with torch.no_grad():
            self.corpus.get_validation_pred(self.model, "test")
        return 2 * len(self.corpus.test_triples)


def public_corpus(options: argparse.Namespace) -> tuple[Any, SimpleNamespace]:
    """The queries that MoMoK makes of the folder, and what it is told in its arguments."""
    from utils.data_loader import ConvECorpus

    numbers = {}
    for kind in ("entity2id", "relation2id"):
        lines = (options.data / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
        numbers[kind] = {name: int(number) for name, number in (line.split() for line in lines)}
    splits = []
    for split in ("train", "valid", "test"):
        lines = (options.data / f"{split}.txt").read_text(encoding="utf-8").splitlines()
        triples = [tuple(line.split()[:3]) for line in lines]
        entity, relation = numbers["entity2id"], numbers["relation2id"]
        found = [(entity[head], relation[name], entity[tail]) for head, name, tail in triples]
        heads, relations, tails = zip(*found, strict=True)
        splits.append((found, (tails, heads, relations), {*heads, *tails}))
    defaults = {"dim": 256, "r_dim": 256, "n_exp": 3, "lr": 5e-4, "mu": 1e-4, "pre_trained": 0}
    settings = SimpleNamespace(
        **numbers, **defaults, dataset="MKG-Y", device="cpu", batch_size=options.batch
    )
    return ConvECorpus(settings, *splits, **numbers), settings


def public_works(options: argparse.Namespace) -> dict[str, beside.Work]:
    """What MoMoK does."""
    import random

    import torch

    sys.path.insert(0, str(options.public))
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    public = Public(options)
    return {TRAINING: public.train, RANKING: public.rank}


def roam_task(options: argparse.Namespace, folder: Path) -> Any:
    """The task of a preset on the triples of the folder and random features.

    Args:
        folder: an empty one, for the data as the task is to see them and for what it keeps.
    """
    from configs import mkg_y
    from remote_jax.roam.task import make_task

    config = mkg_y.get_config(options.preset)
    if options.negatives:
        config.model.update({"negatives": options.negatives, "loss": "softmax", "smoothing": 0.0})
    if "sample" in config.data:
        del config.data.sample
    data = folder / "data"
    data.mkdir()
    for file in options.data.glob("*.txt"):
        (data / file.name).symlink_to(file.resolve())
    entities = len((data / "entity2id.txt").read_text(encoding="utf-8").splitlines())
    for seed, name in enumerate(("image", "text")):
        np.save(data / f"{name}.npy", random_features(entities, FEATURES, seed))
    config.data.update({"dir": str(data), "cache": str(folder / "cache"), "workers": 0})
    config.train.update({"batch_size": options.batch, "eval_batch_size": options.batch})
    task = make_task(config)
    task.prepare(folder / "run", anew=True)
    return task


class Ours:
    """The loop's step and evaluation."""

    def __init__(self, options: argparse.Namespace, task: Any):
        from flax import nnx

        from remote_jax.data.batches import pipeline
        from remote_jax.training.evaluation import make_predict
        from remote_jax.training.optimizer import frozen

        self.options, self.task = options, task
        begun = training_step.begin(
            task, task.model(nnx.Rngs(0)), steps=10**6, kept=frozen(task.config.train)
        )
        self._step, self._state, skeleton, self.mesh = begun
        data = task.dataset("train")
        self._batches = pipeline.train_batches(data, batch_size=options.batch, seed=0, steps=10**6)
        self._predict = make_predict(task, skeleton, self.mesh)
        self._test = task.dataset("test")

    def train(self) -> int:
        """`--steps` steps; the queries of them."""
        import jax

        from remote_jax.runtime import sharding

        for _ in range(self.options.steps):
            batch = sharding.put_batch(next(self._batches), self.mesh)
            self._state, scalars = self._step(self._state, batch)
        jax.block_until_ready((self._state, scalars))
        return self.options.batch * self.options.steps

    def rank(self) -> int:
        """The test split; its queries."""
        from remote_jax.training.evaluation import evaluate

        found = evaluate(self._predict, self._state.params, self._test, self.task.config)
        found = self.task.calibrated(found, {"temperature": 1.0})
        self.task.metrics("test", found)
        return len(self._test)


def our_works(options: argparse.Namespace) -> dict[str, beside.Work]:
    """What we do."""
    from remote_jax.runtime import allocator

    allocator.keep_freed_memory()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(options, roam_task(options, Path(folder)))
    return {TRAINING: ours.train, RANKING: ours.rank}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside.add_arguments(parser, [TRAINING, RANKING])
    beside.add_public(parser, batch=1024)
    parser.add_argument("--preset", choices=("paper", "laptop"), default="paper", help="ours")
    parser.add_argument("--negatives", type=int, default=0, help="`model.negatives` of ours")
    sides = {beside.PUBLIC: public_works, beside.OURS: our_works}
    beside.run(parser.parse_args(), sides, "a query")


if __name__ == "__main__":
    main()
