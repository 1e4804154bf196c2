"""A training step of EEGA beside that of the paper's public code in PyTorch, on one machine.

    git clone https://github.com/YuanLi95/EEGA-for-JMERE PUBLIC
    python3 -m venv TORCH && TORCH/bin/pip install torch transformers scikit-learn
    python tests/benchmarks/bench_public_eega.py --public=PUBLIC/submit_code \
        --python-torch=TORCH/bin/python --data=MNRE_FOLDER --encoder=BERT_FOLDER \
        [--batch=16] [--steps=2] [--rounds=3] [--threads=1] [--text=768,12,3072] \
        [--vision=192,4,768,64] [--full]

Sentences are those that JMERE has from MNRE's training split: 25.5 word pieces and 16 words in the
mean. JMERE's pictures are not to be had, so objects are 1 + Poisson(0.65), at most 10: 1.65 in the
mean, as UMRE's. Weights, edges, tags and pixels are random. Ours is `configs/jmere.py:paper` and
cuts batches to its buckets; the public code pads all to 70 word pieces and 10 objects. Both take
the same batches: 64 are ordered by cost, and each round has its share from cheap to dear. With
`--full` every sentence has 70 word pieces and every picture 10 objects: nothing can be cut.

What the sides do differently, each as published:

- The public step is given 4,096 numbers an object, which a detector made before, and has two linear
  layers for them. Ours has no such input: it sends the pixels of objects, cut out before, through a
  ViT, forward and back. `--vision` is its width, layers, hidden width and pixels of an object: by
  default thrice the work of those layers; 768,12,3072,224, the ViT-B/32 of `:paper`, is far more.
- Nodes of the textual graph, and pairs that get tags: the public ones are word pieces, ours words.
- The public code keeps keys and values for every pair of nodes, and its attention of words to
  objects has 12 heads as wide as the model. The alignment is solved by another method.
- The public code prints tensors in each step; that goes to /dev/null, and is timed.

Its sizes are the defaults of its `main.py`, whose graphs are as wide as BERT, here too.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bench_eega_step
import beside
import numpy as np
import training_step

Batch = dict[str, np.ndarray]
Step = Callable[[Batch], None]
STEP = "training"
TOKENS, OBJECTS, FEATURES, TAGS = 70, 10, 4096, 26
"""What the public code pads to, the numbers it reads of an object, and its tags."""
EDGES, POS, DISTANCES, LEVELS, OBJECT_EDGES = 48, 19, 20, 11, 102
"""Rows of the public code's embeddings; `LEVELS` is its own constant."""


def encoder_sizes(text: str) -> tuple[int, int, int, int]:
    """Width, layers, hidden width and heads: 12, or as many as divide the width."""
    dim, layers, hidden = map(int, text.split(","))
    return dim, layers, hidden, math.gcd(dim, 12)


def make_config(options: argparse.Namespace):
    """`configs/jmere.py:paper` with random encoders of the sizes asked for."""
    from configs import jmere

    dim, layers, hidden, heads = encoder_sizes(options.text)
    config = bench_eega_step.make_config(f"{dim},{layers},{hidden}", picture=True)
    config.model, config.text.heads = jmere.model(), heads
    dim, layers, hidden, crop = map(int, options.vision.split(","))
    config.vision.update({"dim": dim, "layers": layers, "mlp_dim": hidden, "heads": 8})
    config.data.crop = crop
    return config


def read_sentences(options: argparse.Namespace) -> Batch:
    """Word pieces of JMERE's sentences, and the word of each, -1 for none."""
    from remote_jax.eega.data import formats, reader
    from remote_jax.encoders import tokenizer as tokenizers

    rows = reader.SentenceReader(formats.locate(formats.MNRE, options.data), "train")
    texts = [list(row.tokens) for row in rows if not isinstance(row, dict)]
    tokenizer = tokenizers.load(options.encoder)
    read = tokenizer(texts, is_split_into_words=True, truncation=True, max_length=TOKENS)
    tokens = np.array([ids + [0] * (TOKENS - len(ids)) for ids in read["input_ids"]])
    words = [[-1 if at is None else at for at in read.word_ids(row)] for row in range(len(texts))]
    word = np.array([row + [-1] * (TOKENS - len(row)) for row in words])
    more = np.random.default_rng(0).poisson(0.65, len(texts))
    return {"tokens": tokens, "word": word, "objects": np.minimum(1 + more, OBJECTS)}


def full_sentences() -> Batch:
    """Some whose words are one piece each."""
    tokens = np.random.default_rng(0).integers(1, bench_eega_step.VOCABULARY, (1000, TOKENS))
    word = np.tile([-1, *range(TOKENS - 2), -1], (1000, 1))
    return {"tokens": tokens, "word": word, "objects": np.full(1000, OBJECTS)}


def write_batches(options: argparse.Namespace, path: Path) -> None:
    """The batches of all rounds and the shapes that ours cuts them to, for both sides."""
    from remote_jax.data.batches.buckets import Buckets, Extents
    from remote_jax.data.batches.order import WINDOW, TrainOrder
    from remote_jax.data.media import Folder
    from remote_jax.eega.data.features import Featurize
    from remote_jax.encoders import tokenizer as tokenizers

    config = make_config(options)
    tokenizer = tokenizers.load(options.encoder)
    padding = Featurize(tokenizer, None, Folder(Path()), config).padding  # it reads no corpus here
    data = full_sentences() if options.full else read_sentences(options)
    columns = ((data["tokens"] > 0).sum(1), data["word"].max(1) + 1, data["objects"])
    extents = Extents(padding, np.stack(columns, axis=1).astype(np.int32))
    shapes = () if options.full else Buckets.choose(extents, config.data.buckets).shapes
    buckets = Buckets.with_shapes(extents, (padding.full, *shapes))
    print(buckets, flush=True)
    order = TrainOrder(len(extents.filled), options.batch, 0, buckets)
    batches = [order.rows(step) for step in range(WINDOW)]
    batches.sort(key=lambda rows: buckets.shapes.index(buckets.shape(rows)))  # cheapest first
    count = options.rounds * options.steps
    places = [place for lap in range(options.rounds) for place in range(lap, count, options.rounds)]
    chosen = [batches[int((place + 0.5) * WINDOW / count)] for place in places]
    cut = np.array([buckets.shape(rows) for rows in chosen])
    np.savez(path, shapes=cut, **{name: values[chosen] for name, values in data.items()})
    print(f"word pieces {columns[0].mean():.1f}, objects {columns[2].mean():.2f} in the mean")
    print(f"cut to {'; '.join(' x '.join(map(str, x)) for x in cut)}", flush=True)


def read_batches(options: argparse.Namespace, prepare: Callable[[Batch], Batch]) -> list[Batch]:
    """The batches of all rounds as a side's model reads them."""
    with np.load(options.shared, allow_pickle=False) as file:
        arrays = dict(file)
    steps = range(len(arrays["shapes"]))
    return [prepare({name: values[step] for name, values in arrays.items()}) for step in steps]


def in_turn(options: argparse.Namespace, batches: list[Batch], step: Step) -> beside.Work:
    """The steps of one round after the other, and of the first again after the last."""
    following = itertools.cycle(batches)

    def work() -> int:
        for batch in itertools.islice(following, options.steps):
            step(batch)
        return options.steps * options.batch

    return work


def our_batch(config, sizes, drawn: Batch) -> Batch:
    """What our model reads, cut."""
    from remote_jax.eega.data.features import AXES

    tokens, word = drawn["tokens"].astype(np.int32), drawn["word"].astype(np.int32)
    batch = bench_eega_step.make_batch(config, sizes, len(tokens))
    batch |= {"tokens": tokens, "token_mask": tokens > 0, "word": word}
    batch["words"] = np.arange(config.data.max_words) <= word.max(1)[:, None]
    batch["objects"] = np.arange(config.data.max_objects) < drawn["objects"][:, None]
    lengths = dict(zip(("tokens", "words", "objects"), drawn["shapes"], strict=True))
    parts = {name: tuple(slice(lengths[axis]) for axis in AXES[name]) for name in batch}
    return {name: values[(slice(None), *parts[name])] for name, values in batch.items()}


def our_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """Steps of the training loop; every shape is compiled beforehand."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from remote_jax.eega import build
    from remote_jax.eega.task import make_task
    from remote_jax.runtime import allocator, sharding

    allocator.keep_freed_memory()  # as the command line does
    config = make_config(options)
    sizes = build.Sizes(bench_eega_step.VOCABULARY, TAGS, EDGES, POS, 151, OBJECT_EDGES)
    model = build.eega(config, sizes, rngs=nnx.Rngs(0))
    train, state, _, mesh = training_step.begin(make_task(config), model)

    def step(batch: Batch) -> None:
        nonlocal state
        state, scalars = jax.block_until_ready(train(state, sharding.put_batch(batch, mesh)))
        assert jnp.isfinite(scalars["loss"])

    batches = read_batches(options, lambda drawn: our_batch(config, sizes, drawn))
    for batch in {tuple(values.shape for values in x.values()): x for x in batches}.values():
        step(batch)
    return {STEP: in_turn(options, batches, step)}


def public_batch(drawn: Batch) -> Batch:
    """What the public model reads, in the order of its arguments, and tags."""
    rng = np.random.default_rng(0)
    tokens = drawn["tokens"].astype(np.int64)
    size, mask = len(tokens), tokens > 0
    pairs = mask[:, :, None] & mask[:, None, :]
    chain = pairs & (np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS))) < 2)
    last = np.maximum.outer(np.arange(OBJECTS), np.arange(OBJECTS))
    seen = last < drawn["objects"][:, None, None]
    square = (size, TOKENS, TOKENS)
    return {
        **{"tokens": tokens, "mask": mask.astype(np.float32), "adjacent": chain.astype(np.int64)},
        "distance": rng.integers(0, DISTANCES, square) * pairs,
        "edges": rng.integers(1, EDGES, square) * chain,
        "pmi": rng.integers(0, LEVELS, square) * pairs,
        "pos": rng.integers(1, POS, (size, TOKENS)) * mask,
        "object_edges": rng.integers(1, OBJECT_EDGES, (size, OBJECTS, OBJECTS)) * seen,
        "object_adjacent": seen.astype(np.int64),
        "features": rng.normal(size=(size, OBJECTS, FEATURES)).astype(np.float32),
        "tags": np.where(np.triu(pairs), rng.integers(0, TAGS, square), -1),
    }


def public_model(options: argparse.Namespace):
    """The public model with the defaults of its arguments and a random BERT."""
    sys.modules["torchvision"] = None  # not needed; where its build is not torch's, it breaks BERT
    import torch
    from transformers import BertConfig, BertModel

    sys.path.insert(0, str(options.public))
    torch.Tensor.cuda = lambda self, *_: self  # its alignment asks for a GPU, whatever the device
    from models.AMGN import AMGNetwork

    dim, layers, hidden, heads = encoder_sizes(options.text)
    sizes = {"hidden_size": dim, "num_hidden_layers": layers, "intermediate_size": hidden}
    settings = BertConfig(bench_eega_step.VOCABULARY, num_attention_heads=heads, **sizes)
    args = {f"{name}_embed_dim": 100 for name in ("dependency", "frequency", "image_rel")}
    args |= {"bert_feature_dim": dim, "hidden_dim": dim, "feature_image": FEATURES, "nhops": 1}
    args |= dict.fromkeys(("attention_heads", "cross_attention_heads"), heads)
    args |= {"class_num": TAGS, "trans_image_dro": 0.4, "twd_weight": 0.2, "device": "cpu"}
    tables = (np.random.rand(rows, 100) for rows in (EDGES, DISTANCES, OBJECT_EDGES, POS))
    with tempfile.TemporaryDirectory() as folder:
        BertModel(settings).save_pretrained(folder)
        model = AMGNetwork(SimpleNamespace(**args, bert_model_path=folder), *tables)
    return model.train()


def public_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """Steps as its `main.py` makes them: cross entropy and alignment, Adam in two groups."""
    import torch

    torch.set_num_threads(options.threads)
    model = public_model(options)
    of_bert = dict.fromkeys(model.bert.parameters())
    rest = [one for one in model.parameters() if one not in of_bert]
    optimizer = torch.optim.Adam([{"params": rest}, {"params": [*of_bert]}], lr=2e-5)

    def step(batch: Batch) -> None:
        *inputs, tags = map(torch.as_tensor, batch.values())
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            logits, alignments = model(*inputs)[:2]  # it also gives plans and attention
        longest = int(inputs[1].sum(1).max())
        logits, tags = (x[:, :longest, :longest].flatten(0, 2) for x in (logits, tags))
        loss = torch.nn.functional.cross_entropy(logits, tags, ignore_index=-1) + sum(alignments)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.isfinite(loss)

    return {STEP: in_turn(options, read_batches(options, public_batch), step)}


def arguments() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside.add_public(parser, batch=16)
    parser.add_argument("--encoder", type=Path, required=True, help="folder of BERT's tokenizer")
    parser.add_argument("--text", default="768,12,3072", help="width, layers, hidden of BERT")
    parser.add_argument("--vision", default="192,4,768,64", help="likewise of our ViT, and pixels")
    parser.add_argument("--full", action="store_true", help="the longest sentences, 10 objects")
    beside.add_arguments(parser, [STEP])
    return parser


def main() -> None:
    sides = {beside.PUBLIC: public_side, beside.OURS: our_side}
    beside.run(arguments().parse_args(), sides, "an example", write_batches)


if __name__ == "__main__":
    main()
