"""A training step of configs/umre.py:paper beside the public PyTorch code of REMOTE.

    git clone https://github.com/Nikol-coder/REMOTE PUBLIC
    python3 -m venv TORCH && TORCH/bin/pip install torch transformers==4.57.1
    python tests/benchmarks/bench_public_remote.py --public=PUBLIC/ROMOTE_code \
        --python-torch=TORCH/bin/python --data=MNRE_FOLDER --encoder=BERT_FOLDER [--full]

BERT-base and a ViT-B/32 with random weights, up to 128 word pieces and 12 objects of 64 by 64
pixels with depth, AdamW included. Both sides take pairs of the same kind, in batches of the same
size: text lengths are those of MNRE's training sentences with their markers, in the word pieces of
`--encoder`. A picture has 1 + Poisson(0.65) objects, so that their mean is that of UMRE, 1.65. The
public code fills all of them up to 128 and 12; ours is cut to `data.buckets` shapes. With `--full`
every text has 128 pieces and every picture 12 objects.

Printed are also the gigabytes that each compiled step of ours holds; the peak of our process has
the compiler in it. The public model is larger (450 million parameters against 199): each of its
levels has experts and projections of its own. Its own data code is not run; batches are in memory
on both sides.
"""

from __future__ import annotations

import argparse
import ast
import sys
import types
from pathlib import Path

import beside
import numpy as np
import training_step

RELATIONS, VOCABULARY, MARKERS = 28, 30534, (30523, 30525)
TOKENS, OBJECTS, MEAN_OBJECTS, PAIRS = 128, 12, 1.65, 4000


def extents(options: argparse.Namespace) -> np.ndarray:
    """Word pieces and objects of each pair [pairs, 2]."""
    if options.full:
        return np.full((PAIRS, 2), (TOKENS, OBJECTS))
    with np.load(options.shared, allow_pickle=False) as file:
        tokens = file["tokens"]
    rng = np.random.default_rng(0)
    tokens = np.minimum(rng.choice(tokens, PAIRS), TOKENS)
    objects = np.minimum(1 + rng.poisson(MEAN_OBJECTS - 1, PAIRS), OBJECTS)
    return np.stack([tokens, objects], 1)


def write_lengths(options: argparse.Namespace, path: Path) -> None:
    """Word pieces of MNRE's training sentences, with [CLS], [SEP] and four markers."""
    from transformers import AutoTokenizer

    lines = (options.data / "mnre_train.txt").read_text(encoding="utf-8").splitlines()
    sentences = [" ".join(ast.literal_eval(line)["token"]) for line in lines[:PAIRS]]
    tokenizer = AutoTokenizer.from_pretrained(options.encoder)
    pieces = tokenizer(sentences, add_special_tokens=False)["input_ids"]
    np.savez(path, tokens=np.array([len(each) + 6 for each in pieces]))


class Pairs:
    """Random pairs of two entities; a number of one is a seed of its own."""

    def __init__(self, filled: np.ndarray):
        self.filled = filled

    def __len__(self) -> int:
        return len(self.filled)

    def __getitem__(self, row: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(int(row))
        tokens, objects = self.filled[row]
        ids = rng.integers(1000, 30000, TOKENS, dtype=np.int32)
        ids[[3, 9]] = MARKERS
        there = np.arange(OBJECTS) < objects
        boxes = np.sort(rng.random((OBJECTS, 2, 2), dtype=np.float32), 1).reshape(OBJECTS, 4)
        return {
            "tokens": np.where(np.arange(TOKENS) < tokens, ids, 0),
            "token_mask": np.arange(TOKENS) < tokens,
            "token_types": np.zeros(TOKENS, np.int32),
            "rgb": rng.integers(0, 255, (OBJECTS, 64, 64, 3), dtype=np.uint8),
            "depth": rng.integers(0, 255, (OBJECTS, 64, 64), dtype=np.uint8),
            "rgb_mask": there,
            "depth_mask": there,
            "boxes": boxes,
            "marker": np.array([3, 9], np.int32),
            "object": np.array([-1, -1], np.int32),
            "label": rng.integers(0, RELATIONS, dtype=np.int32),
            "weight": np.float32(1),
            "row": np.int32(row),
        }


def public_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """Steps as their `train` makes them."""
    import torch
    import torch.nn.functional as F
    import transformers
    from transformers import BertConfig, BertModel, CLIPConfig

    torch.set_num_threads(options.threads)
    # Their code imports a plotting library that it has no use for, and a name that has moved.
    sys.modules["matplotlib"] = types.ModuleType("matplotlib")
    sys.modules["matplotlib.pyplot"] = types.ModuleType("matplotlib.pyplot")
    moved = transformers.pytorch_utils.apply_chunking_to_forward
    transformers.modeling_utils.apply_chunking_to_forward = moved
    sys.path.insert(0, str(options.public))
    from models_best import modeling_clip, unimo_model

    settings, text = CLIPConfig(), BertConfig()
    settings.vision_config.patch_size = 32
    tower = modeling_clip.CLIPVisionTransformer(settings.vision_config)
    loaded = {
        "CLIPModel": types.SimpleNamespace(vision_model=tower),
        "CLIPConfig": settings,
        "BertConfig": text,
        "BertModel": BertModel(text),
    }
    for name, value in loaded.items():  # random weights in place of files
        fake = types.SimpleNamespace(from_pretrained=lambda *_, value=value, **__: value)
        setattr(unimo_model, name, fake)
    args = types.SimpleNamespace(vit_name="", bert_name="", device="cpu", use_cap=False)
    model = unimo_model.UnimoREModel(RELATIONS, Tokenizer(), args).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=1e-2)
    pairs, rows = Pairs(extents(options)), np.random.default_rng(1).permutation(PAIRS)
    place = 0

    def step() -> None:
        nonlocal place
        chosen = [pairs[row] for row in rows[place : place + options.batch]]
        place = (place + options.batch) % (PAIRS - options.batch)
        batch = {name: torch.as_tensor(np.stack([x[name] for x in chosen])) for name in chosen[0]}
        there = batch["rgb_mask"][:, :, None, None, None]
        colour = batch["rgb"].permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        pictures = torch.cat([colour, batch["depth"][:, :, None].float() / 127.5 - 1], 2) * there
        boxes = batch["boxes"]
        area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        logits = model(
            input_ids=batch["tokens"].long(),
            attention_mask=batch["token_mask"].long(),
            token_type_ids=batch["token_types"].long(),
            ent_imgs=pictures,
            ent_idx_head=batch["object"][:, 0],
            ent_idx_tail=batch["object"][:, 1],
            position=torch.cat([boxes, area[..., None]], -1) * there[..., 0, 0],
        )
        loss = F.cross_entropy(logits, batch["label"].long())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return {"training": repeated(step, options)}


class Tokenizer:
    """What their model asks of one."""

    def __len__(self) -> int:
        return VOCABULARY

    def convert_tokens_to_ids(self, token: str) -> int:
        markers = {"<s1>": MARKERS[0], "<s2>": MARKERS[1]}
        return markers.get(token, VOCABULARY)  # one that is in no text


def our_side(options: argparse.Namespace) -> dict[str, beside.Work]:
    """Steps as the training loop makes them."""
    import jax
    from bench_remote_step import base_sizes
    from flax import nnx

    from configs import umre
    from remote_jax.data.batches import pipeline
    from remote_jax.data.batches.buckets import Buckets, Extents, Padding, patches
    from remote_jax.remote import build
    from remote_jax.remote.data.features import AXES, MASKS
    from remote_jax.remote.task import make_task
    from remote_jax.runtime import allocator, sharding

    allocator.keep_freed_memory()  # as the command line does
    config = umre.get_config("paper")
    base_sizes(config)
    config.text.vocab_size = VOCABULARY
    filled = extents(options)
    costs = {"tokens": 1.0, "objects": 2.0 * patches(config.data.crop)}
    lengths = Padding({"tokens": TOKENS, "objects": OBJECTS}, costs, AXES, MASKS)
    buckets = Buckets.choose(Extents(lengths, filled), config.data.buckets)
    print(buckets, file=sys.stderr)
    model = build.remote(config, relations=RELATIONS, vocabulary=VOCABULARY, rngs=nnx.Rngs(0))
    step, state, _, mesh = training_step.begin(make_task(config), model)
    del model
    batches = pipeline.train_batches(
        Pairs(filled), batch_size=options.batch, seed=0, steps=10**6, buckets=buckets
    )
    programs = {}
    for shape in buckets.shapes:
        one = {name: np.stack([x] * options.batch) for name, x in Pairs(filled)[0].items()}
        one = {n: x & False if n in lengths.masks else x for n, x in one.items()}
        cut = sharding.put_batch(lengths.cut(one, shape), mesh)
        programs[shape] = step.lower(state, cut).compile()
        print(f"{shape}: {beside.held_gb(programs[shape]):.2f} GB", file=sys.stderr, flush=True)

    def one_step() -> None:
        nonlocal state
        batch = next(batches)
        program = programs[batch["tokens"].shape[1], batch["rgb"].shape[1]]
        state, _ = jax.block_until_ready(program(state, sharding.put_batch(batch, mesh)))

    return {"training": repeated(one_step, options)}


def repeated(step, options: argparse.Namespace) -> beside.Work:
    """So many steps, and the pairs in them."""

    def work() -> int:
        for _ in range(options.steps):
            step()
        return options.steps * options.batch

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside.add_arguments(parser, ["training"])
    beside.add_public(parser, batch=8)
    parser.add_argument("--encoder", type=Path, required=True, help="folder of a BERT's tokenizer")
    parser.add_argument("--full", action="store_true", help="nothing is padding")
    sides = {beside.PUBLIC: public_side, beside.OURS: our_side}
    beside.run(parser.parse_args(), sides, "a pair", write_lengths)


if __name__ == "__main__":
    main()
