"""Writes the sample in the released UMRE formats."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from remote_jax.remote.sample import grammar, rules, scene, world
from remote_jax.reporting.progress import tracked

FILES = {"train": "train_set.json", "validation": "val_set.json", "test": "test_set.json"}
PICTURES, DEPTHS = "UMKE_IMG", "depth_data_umke"
BOXES, CAPTIONS, SHARES = "pos_umke.json", "cap_sample.json", "world.json"
RELATIONS = "all_relations.json"
ROWS_A_POST = (4, 5, 6)
PICTURE_SIDE = frozenset(("rgb", "position", "caption", "depth"))


class Quota:
    """Keeps every outcome of every rule near its share while pairs are chosen post by post."""

    def __init__(self) -> None:
        total = sum(sum(rule.shares.values()) for rule in rules.RULES.values())
        self.aims = {
            (name, relation): share / total
            for name, rule in rules.RULES.items()
            for relation, share in rule.shares.items()
        }
        self.chosen: Counter[tuple[str, str]] = Counter()

    def lag(self, pair: rules.Pair) -> float:
        """How far an outcome is behind its aim, in parts of that aim."""
        key = (pair.rule, pair.relation)
        return self.aims[key] * (self.chosen.total() + 1) / (self.chosen[key] + 0.5)

    def choose(self, rng: random.Random, pairs: Iterable[rules.Pair]) -> list[rules.Pair]:
        """Takes the pairs of one post whose outcomes are most behind, no two ends twice."""
        candidates = list(pairs)
        rng.shuffle(candidates)
        kept: list[rules.Pair] = []
        seen: set[tuple[str, frozenset[int] | tuple[int, int]]] = set()
        for _ in range(rng.choice(ROWS_A_POST)):
            fresh = [pair for pair in candidates if _ends(pair) not in seen]
            if not fresh:
                break
            best = max(fresh, key=self.lag)
            seen.add(_ends(best))
            self.chosen[best.rule, best.relation] += 1
            kept.append(best)
        rng.shuffle(kept)
        return kept


def _ends(pair: rules.Pair) -> tuple[str, frozenset[int] | tuple[int, int]]:
    if pair.triplet == "eo":
        return pair.triplet, (pair.head, pair.tail)
    return pair.triplet, frozenset((pair.head, pair.tail))


def _row(
    pair: rules.Pair,
    text: grammar.Sentence,
    labels: list[str],
    boxes: tuple[tuple[float, float, float, float], ...],
    image: str,
) -> str:
    def end(letter: str, index: int) -> dict:
        if letter == "o":
            return {"name": labels[index], "pos": boxes[index]}
        start, stop = text.spans[index]
        return {"name": " ".join(text.tokens[start:stop]), "pos": [start, stop]}

    return repr(
        {
            "token": list(text.tokens),
            "h": end(pair.triplet[0], pair.head),
            "t": end(pair.triplet[1], pair.tail),
            "img_id": image,
            "relation": pair.relation,
        }
    )


def shares(chosen: Counter[tuple[str, str]]) -> dict:
    """What decides the pairs of a split, as shares, by the evidence their rules name.

    The share of pairs with no relation is of all pairs; the others are of all pairs and, under
    `related`, of those with a relation.
    """

    def of(counts: Counter[tuple[str, str]]) -> dict[str, float]:
        total = max(counts.total(), 1)

        def share(test) -> float:
            kept = sum(n for (name, _), n in counts.items() if test(rules.RULES[name].evidence))
            return round(kept / total, 4)

        return {
            "not_from_the_sentence_alone": share(lambda e: bool(e & PICTURE_SIDE)),
            "not_from_the_picture_side_alone": share(lambda e: "sentence" in e),
            **{part: share(lambda e, part=part: part in e) for part in sorted(PICTURE_SIDE)},
        }

    related = Counter({key: n for key, n in chosen.items() if key[1] != rules.NONE})
    return {
        "pairs": chosen.total(),
        "none": round(1 - related.total() / max(chosen.total(), 1), 4),
        "all": of(chosen),
        "related": of(related),
    }


def _holding(imagined: world.World, text: grammar.Sentence, labels: list[str]) -> list[list]:
    """Head, tail and relation of every pair that has one: a span, or the name of an object."""

    def end(letter: str, index: int) -> list[int] | str:
        return labels[index] if letter == "o" else list(text.spans[index])

    return [
        [end(pair.triplet[0], pair.head), end(pair.triplet[1], pair.tail), pair.relation]
        for pair in rules.holding(imagined)
    ]


def _split(
    folder: Path, split: str, posts: int, seed: int, boxes: dict, captions: dict, holding: dict
) -> tuple[list[str], Quota]:
    rows: list[str] = []
    quota = Quota()
    for number in tracked(range(posts), f"writing the sample, {split}", "posts"):
        rng = random.Random(f"{seed} {split} {number}")
        imagined = world.generate(rng)
        text = grammar.sentence(rng, imagined, split)
        drawn = scene.draw(rng, imagined)
        labels = [f"[OBJ{k}]" for k in range(len(imagined.objects))]
        stem = f"{split}_{number:05d}"
        image = f"{stem}.jpg"
        Image.fromarray(drawn.picture).save(folder / PICTURES / image, quality=88)
        np.savez_compressed(folder / DEPTHS / f"{stem}.npz", depth_map=drawn.depth)
        boxes[image] = dict(zip(labels, drawn.boxes, strict=True))
        captions[image] = {
            label: grammar.caption(rng, item)
            for label, item in zip(labels, imagined.objects, strict=True)
        }
        holding[image] = _holding(imagined, text, labels)
        for pair in quota.choose(rng, rules.pairs(imagined)):
            rows.append(_row(pair, text, labels, drawn.boxes, image))
    return rows, quota


def write(folder: Path, *, train: int, validation: int, test: int, seed: int) -> None:
    """Writes a sample of so many posts a split into a folder, the same bytes for the same seed.

    Args:
        folder: made if absent; files of the same names are replaced.
        train, validation, test: numbers of posts, of four to six pairs each.
        seed: any integer.

    The layout is that of the released UMRE: one Python literal a line in `train_set.json`,
    `val_set.json` and `test_set.json`, boxes in `pos_umke.json`, captions in `cap_sample.json`,
    pictures in `UMKE_IMG`, depth in `depth_data_umke`. Beside it, `all_relations.json` has every
    relation of a post, listed or not, and `world.json` states what decides the pairs.
    """
    for part in (PICTURES, DEPTHS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    boxes: dict = {}
    captions: dict = {}
    holding: dict = {}
    stated: dict = {"seed": seed, "splits": {}}
    posts = {"train": train, "validation": validation, "test": test}
    for split, number in posts.items():
        rows, quota = _split(folder, split, number, seed, boxes, captions, holding)
        (folder / FILES[split]).write_text("".join(row + "\n" for row in rows), "utf-8")
        stated["splits"][split] = {"posts": number, **shares(quota.chosen)}
    (folder / RELATIONS).write_text(json.dumps(holding) + "\n", "utf-8")
    for file, content in ((BOXES, boxes), (CAPTIONS, captions), (SHARES, stated)):
        (folder / file).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
