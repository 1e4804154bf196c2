"""Small folders in the released formats."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = ["Ann", "Lee", "met", "Bob", "at", "Oslo", "Town", "Hall"]


def end(start, stop, tag, **more):
    return {"name": " ".join(WORDS[start:stop]), "pos": [start, stop], "tags": tag, **more}


def label(head, tail, relation):
    return [{"beg_ent": head, "sec_ent": tail, "relation": relation}]


ANN, BOB, HALL = end(0, 2, "per"), end(3, 4, "Per"), end(5, 8, "loc")
LABELS = [label(ANN, BOB, "peer"), label(BOB, HALL, "Place_of_residence")]


def row(labels=LABELS, tokens=WORDS, image="a.png"):
    return {"token": tokens, "img_id": image, "label_list": labels}


def pair(head, tail, relation, tokens=WORDS, image="a.png"):
    """A row of MNRE."""
    ends = {"h": head, "t": tail}
    return {"token": tokens, **ends, "img_id": image, "relation": relation}


def pictures(folder: Path) -> None:
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(pixels).save(folder.parent.parent / "outside.png")


def jmere(folder: Path, rows, splits=("train", "val", "test")) -> Path:
    """`rows` are values or raw text."""
    pictures(folder / "img_org")
    texts = [one if isinstance(one, str) else json.dumps(one) for one in rows]
    for split in splits:
        (folder / f"{split}.json").write_text("[" + ",\n ".join(texts) + "]", "utf-8")
    return folder


def mnre(folder: Path, rows, splits=("train", "val")) -> Path:
    pictures(folder / "img_org")
    text = "".join(one if isinstance(one, str) else repr(one) + "\n" for one in rows)
    for split in splits:
        (folder / f"mnre_{split}.txt").write_text(text, "utf-8")
    return folder
