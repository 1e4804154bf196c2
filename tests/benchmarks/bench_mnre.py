"""MNRE with a small pretrained encoder beside a plain fine-tuning in PyTorch, on one machine.

    python3 -m venv TORCH && TORCH/bin/pip install torch transformers
    python tests/benchmarks/bench_mnre.py --data=MNRE_FOLDER --encoder=MINILM_FOLDER \
        --python-torch=TORCH/bin/python [--steps=30] [--rounds=5] [--threads=1] \
        [--works training] [--pairs=shared]

The plain one is what one would write oneself: the sentence with its markers through BERT, the two
opening markers through a linear layer, AdamW, each batch padded to its longest. Ours is
`configs/mnre.py:minilm`, transport and experts included. Both train on the same sequences, in
batches of 32, and predict the validation split, in batches of 64. With `--pairs=shared` ours reads
a post once for all of its pairs, in batches of 20 posts, which have about 32 pairs. Both stay up in
a process each and take turns: `--steps` steps of one, then of the other, `--rounds` times, and then
the split.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import beside
import numpy as np
import training_step

TRAINING, PREDICTING = "training", "predicting"
BATCH = {"each": 32, "shared": 20}
"""Examples of a training step of ours."""


def write_sequences(options: argparse.Namespace, path: Path) -> None:
    """Word pieces, lengths, markers and labels of both splits, for the other environment."""
    task, _ = make_task(options, "each")
    found = {"relations": len(task.relations), "vocabulary": len(task.tokenizer)}
    for split in ("train", "validation"):
        data = task.dataset(split)
        rows = [data[row] for row in range(len(data))]
        for name in ("tokens", "token_mask", "token_types", "marker", "label"):
            found[f"{split}/{name}"] = np.stack([row[name] for row in rows])
    np.savez(path, **found)


def make_task(options: argparse.Namespace, pairs: str):
    """The task of `configs/mnre.py:minilm`, and its folder, which lives as long as it is held."""
    from configs import mnre
    from remote_jax.remote import task

    config = mnre.get_config("minilm")
    config.data.dir, config.text.pretrained = str(options.data), str(options.encoder)
    config.model.pairs = pairs
    config.data.update({"workers": 0, "buckets": options.buckets or config.data.buckets})
    made, folder = task.make_task(config), tempfile.TemporaryDirectory()
    made.prepare(Path(folder.name), anew=True)
    return made, folder


def torch_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """A step of training, and a pass over validation; each says how many pairs that were."""
    import torch
    from transformers import BertModel

    torch.set_num_threads(options.threads)
    with np.load(options.shared, allow_pickle=False) as file:
        arrays = {name: torch.as_tensor(file[name]).long() for name in file.files}
    bert = BertModel.from_pretrained(options.encoder, add_pooling_layer=False)
    bert.resize_token_embeddings(int(arrays["vocabulary"]))
    head = torch.nn.Linear(2 * bert.config.hidden_size, int(arrays["relations"]))
    optimizer = torch.optim.AdamW([*bert.parameters(), *head.parameters()], lr=5e-5)
    random = np.random.default_rng(0)

    def logits(split: str, rows: np.ndarray) -> torch.Tensor:
        part = {name: arrays[f"{split}/{name}"][rows] for name in ("tokens", "token_mask")}
        longest = int(part["token_mask"].sum(1).max())
        hidden = bert(
            input_ids=part["tokens"][:, :longest],
            attention_mask=part["token_mask"][:, :longest],
            token_type_ids=arrays[f"{split}/token_types"][rows, :longest],
        ).last_hidden_state
        marker = arrays[f"{split}/marker"][rows]
        ends = hidden[torch.arange(len(rows))[:, None], marker]
        return head(ends.reshape(len(rows), -1))

    def step() -> int:
        bert.train()
        rows = random.choice(len(arrays["train/label"]), 32, replace=False)
        loss = torch.nn.functional.cross_entropy(logits("train", rows), arrays["train/label"][rows])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*bert.parameters(), *head.parameters()], 1.0)
        optimizer.step()
        return len(rows)

    def predict() -> int:
        bert.eval()
        total = len(arrays["validation/label"])
        with torch.inference_mode():
            for start in range(0, total, 64):
                logits("validation", np.arange(start, min(start + 64, total))).argmax(-1).tolist()
        return total

    return {TRAINING: lambda: sum(step() for _ in range(options.steps)), PREDICTING: predict}


def remote_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """The same, of the loop's step and of the evaluation."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from remote_jax.data.batches import pipeline
    from remote_jax.runtime import allocator, sharding
    from remote_jax.training.evaluation import Predictor, make_predict

    allocator.keep_freed_memory()  # as the command line does
    task, _folder = make_task(options, options.pairs)
    step, state, skeleton, mesh = training_step.begin(task, task.model(nnx.Rngs(0)), steps=2000)
    buckets = task.buckets("train")
    batches = pipeline.train_batches(
        task.dataset("train"), batch_size=BATCH[options.pairs], seed=0, steps=10**6, buckets=buckets
    )
    kept = jax.tree.map(jnp.copy, state.params)  # a step takes those that it starts from
    predictor = Predictor(make_predict(task, skeleton, mesh, gauges=False), kept, task.config)
    validation, of_validation = task.dataset("validation"), task.buckets("validation")
    asked = sum(pairs_of(validation[row]) for row in range(len(validation)))

    def train() -> int:
        nonlocal state
        pairs = 0
        for _ in range(options.steps):
            batch = next(batches)
            pairs += pairs_of(batch)
            state, _ = step(state, sharding.put_batch(batch, mesh))
        jax.block_until_ready(state)
        return pairs

    def predict() -> int:
        predictor(validation, of_validation)
        return asked

    seen: set[object] = set()  # so that no round compiles
    while TRAINING in options.works and len(seen) < (
        1 if buckets is None else len(set(buckets.kinds.tolist()))
    ):
        batch = next(batches)
        seen.add(batch["tokens"].shape + batch["rgb"].shape)
        state, _ = step(state, sharding.put_batch(batch, mesh))
    return {TRAINING: train, PREDICTING: predict}


def pairs_of(features: Mapping[str, np.ndarray]) -> int:
    """Of a batch or of an example."""
    there = features.get("pair_mask")
    return int(np.size(features["label"]) if there is None else there.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside.add_arguments(parser, [TRAINING, PREDICTING], rounds=5)
    parser.add_argument("--data", type=Path, required=True, help="folder of MNRE's files")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of a BERT")
    parser.add_argument("--steps", type=int, default=30, help="of a round")
    parser.add_argument("--pairs", choices=sorted(BATCH), default="each", help="model.pairs")
    parser.add_argument("--buckets", type=int, default=0, help="data.buckets; 0: the config's")
    sides = {beside.PUBLIC: torch_side, beside.OURS: remote_side}
    beside.run(parser.parse_args(), sides, "a pair", write_sequences)


if __name__ == "__main__":
    main()
