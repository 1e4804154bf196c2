"""Writes the sample in the files of JMERE, with scene graphs of its pictures."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remote_jax.eega.data import parse_files
from remote_jax.eega.data.formats import SCENES, parses_of
from remote_jax.eega.sample import facts, posts, scene
from remote_jax.eega.sample.posts import Fact, Post
from remote_jax.reporting.progress import tracked

FILES = {"train": "train.json", "validation": "val.json", "test": "test.json"}
PICTURES = "img_org"
SHARES = "world.json"
NOTE = "A generated sample: every name and every fact is invented. It is no benchmark."


def write(folder: Path, *, train: int, validation: int, test: int, seed: int) -> None:
    """Writes a sample of so many posts a split into a folder, the same bytes for the same numbers.

    Beside `train.json`, `val.json`, `test.json` and `img_org`, there are parses of the sentences,
    the two files in which Scene-Graph-Benchmark writes the scene graphs of one's own pictures, and
    `world.json`, which states how much is decided by the picture.
    """
    (folder / PICTURES).mkdir(parents=True)
    graphs: list[dict[str, list]] = []
    images: list[str] = []
    stated: dict[str, Any] = {"note": NOTE, "seed": seed, "splits": {}}
    for split, number in {"train": train, "validation": validation, "test": test}.items():
        made = []
        for place in tracked(range(number), f"writing the sample, {split}", "posts"):
            rng = random.Random(f"{seed} {split} {place}")
            post = posts.generate(rng, split)
            drawn = scene.draw(rng, post.objects)
            images.append(f"{split}_{place:05d}.jpg")
            drawn.picture.save(folder / PICTURES / images[-1], quality=90)
            graphs.append(scene.prediction(drawn))
            made.append(post)
        rows = [_row(post, image) for post, image in zip(made, images[-number:], strict=True)]
        _dump(folder / FILES[split], rows)
        parse_files.write(parses_of(folder / FILES[split]), [post.parse for post in made])
        stated["splits"][split] = shares(made)
    _dump(folder / SCENES[0], {str(place): graph for place, graph in enumerate(graphs)})
    info = {
        "idx_to_files": [f"{PICTURES}/{image}" for image in images],
        "ind_to_classes": scene.CLASSES,
        "ind_to_predicates": scene.PREDICATES,
    }
    _dump(folder / SCENES[1], info)
    (folder / SHARES).write_text(json.dumps(stated, indent=1) + "\n", "utf-8")


def shares(made: Sequence[Post]) -> dict[str, float]:
    """What decides the labels of posts.

    `types_from_the_picture` is the share of entities whose type only the picture tells, and
    `relations_from_the_picture` that of quintuples whose relation it tells. No reader of sentences
    alone expects to get more than the share `best_without_pictures` of quintuples right, which is
    then its F1 as well: the answers to a question are equally frequent.
    """
    every = [fact for post in made for fact in post.facts]
    asked = [fact.open for fact in every if fact.open is not None]
    told = len(every) - len(asked)
    guessed = sum(1 / len(question.answers) for question in asked)
    typed = sum(question is facts.WITH for question in asked)
    return {
        "posts": len(made),
        "quintuples": len(every),
        "types_from_the_picture": round(typed / max(2 * len(every), 1), 4),
        "relations_from_the_picture": round(len(asked) / max(len(every), 1), 4),
        "best_without_pictures": round((told + guessed) / max(len(every), 1), 4),
    }


def _row(post: Post, image: str) -> dict[str, Any]:
    return {
        "token": post.tokens,
        "img_id": image,
        "label_list": [[_label(fact, post.tokens)] for fact in post.facts],
    }


def _label(fact: Fact, tokens: Sequence[str]) -> dict[str, Any]:
    head, tail, relation = fact.meaning
    ends = {
        key: {"name": " ".join(tokens[slice(*span)]), "pos": span, "tags": kind}
        for key, span, kind in (("beg_ent", fact.head, head), ("sec_ent", fact.tail, tail))
    }
    return {**ends, "relation": relation}


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value) + "\n", "utf-8")
