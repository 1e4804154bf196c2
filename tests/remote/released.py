"""Small folders in the released formats, and a tokenizer, for tests."""

import json
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from PIL import Image

from remote_jax.encoders import tokenizer

SENTENCE = "Ann Lee met Bob at Oslo Town Hall , he won the cup ."
WORDS = SENTENCE.split()
BOXES = {"[OBJ0]": [0.0, 0.0, 0.5, 0.5], "[OBJ1]": [0.25, 0.5, 1.0, 1.0]}
CAPTIONS = {"[OBJ0]": "a woman in a red coat", "[OBJ1]": "a golden cup", "Oslo": "a city"}


def text_end(start, end, name=None):
    return {"name": name or " ".join(WORDS[start:end]), "pos": [start, end]}


def object_end(index, box=None):
    return {"name": f"[OBJ{index}]", "pos": list(box or BOXES[f"[OBJ{index}]"])}


def row(head, tail, relation="none", image="a.png", tokens=WORDS):
    return {"token": tokens, "h": head, "t": tail, "img_id": image, "relation": relation}


ROWS = [
    row(text_end(0, 2), text_end(3, 4), "/per/per/partner"),
    row(object_end(0), object_end(1), "/per/misc/awarded"),
    row(text_end(0, 2), object_end(0), "/per/per/self"),
    row(text_end(5, 6), text_end(5, 8), image="missing.png"),
]


def picture(width=128, height=96, seed=0):
    """Noise, so that a crop tells where it is from."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


def umre(folder: Path, rows=ROWS, splits=("train", "val", "test"), dump=repr) -> Path:
    """A UMRE folder with one picture and one depth map; `rows` are dicts or raw lines."""
    (folder / "UMKE_IMG").mkdir(parents=True)
    (folder / "depth_data_umke").mkdir()
    picture().save(folder / "UMKE_IMG" / "a.png")
    depth = np.linspace(1, 9, 96 * 128, dtype=np.float32).reshape(96, 128)
    np.savez(folder / "depth_data_umke" / "a.npz", depth_map=depth)
    (folder / "pos_umke.json").write_text(json.dumps({"a.png": BOXES}))
    (folder / "cap_test.json").write_text(json.dumps({"a.png": CAPTIONS}))
    for split in splits:
        lines = [line if isinstance(line, str) else dump(line) for line in rows]
        (folder / f"{split}_set.json").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def config(folder: Path, cache: Path, **data) -> ConfigDict:
    """The keys that `remote.data` reads."""
    values = {
        "name": "umre",
        "dir": str(folder),
        "cache": str(cache),
        "captions": "",
        "boxes": "corners",
        "max_rejected": 0.01,
        "language": "en",
        "triplets": "ee,oo,eo",
        "reverse": 0.0,
        "symmetric": "auto",
        "unlisted": 0.0,
        "unlisted_weight": 0.3,
        "max_tokens": 64,
        "max_objects": 3,
        "max_pairs": 3,
        "crop": 16,
    }
    features = dict.fromkeys(("sentence", "picture", "position", "caption", "depth"), True)
    values = {"data": {**values, **data}, "features": features, "model": {"pairs": "each"}}
    return ConfigDict(values)


def words_tokenizer():
    texts = [SENTENCE, *CAPTIONS.values(), "abcdefghijklmnopqrstuvwxyz 0123456789 ' !"]
    return tokenizer.train(texts, 300)
