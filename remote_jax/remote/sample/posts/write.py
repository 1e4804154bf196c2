"""Writes posts of one world as `--mode=predict` takes them, and apart from them the truth."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from remote_jax.remote.sample import grammar, rules, scene, world
from remote_jax.remote.sample.posts import community
from remote_jax.remote.sample.posts.assignment import Cast, stated
from remote_jax.remote.sample.posts.community import TYPES, Community, Entity
from remote_jax.remote.sample.posts.consequences import RULES, Fact, closure
from remote_jax.remote.sample.world import World
from remote_jax.reporting.progress import tracked
from remote_jax.reporting.results import write_json, write_rows

POSTS, WORLD, PICTURES, DEPTHS = "posts.jsonl", "world.json", "pictures", "depth"
UNPICTURED = 0.15
"""Share of posts without a picture."""
ALIASED = 0.1
"""Share of people's mentions that are by an alias."""
FIRST_DAY, DAYS = date(2025, 1, 1), 365


@dataclass(frozen=True)
class Written:
    """A post, where entities are mentioned in it, and what it states."""

    values: dict[str, Any]
    mentions: list[dict[str, Any]]
    facts: set[Fact]


def write_posts(folder: Path, *, posts: int, seed: int) -> None:
    """Writes posts about one community into a folder, the same bytes for the same seed.

    Args:
        folder: made if absent; files of the same names are replaced.
        posts: how many.
        seed: any integer.

    `posts.jsonl` has the posts, without labels; pictures and depth maps are in `pictures` and
    `depth`. `world.json` has the truth, for scores: entities, facts that posts state, facts that
    only follow from them, and who is meant where.
    """
    for part in (PICTURES, DEPTHS):
        (folder / part).mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{seed} community")
    everything = community.generate(rng)
    cast = Cast(rng, everything)
    written = [
        _post(folder, random.Random(f"{seed} posts {number}"), number, everything, cast)
        for number in tracked(range(posts), "writing posts", "posts")
    ]
    write_rows(folder / POSTS, (one.values for one in written))
    facts = {fact for one in written for fact in one.facts}
    write_json(
        folder / WORLD,
        {
            "entities": [_described(one) for one in everything.entities],
            "facts": sorted(facts),
            "implied": sorted(closure(facts) - facts),
            "rules": RULES,
            "mentions": {one.values["id"]: one.mentions for one in written},
        },
    )


def _described(one: Entity) -> dict[str, Any]:
    aliases = [" ".join(alias) for alias in one.aliases]
    return {"id": one.id, "name": " ".join(one.name), "aliases": aliases, "type": TYPES[one.kind]}


def _post(
    folder: Path, rng: random.Random, number: int, everything: Community, cast: Cast
) -> Written:
    """Writes the picture of a post, if it has one."""
    imagined, ids = _imagined(rng, cast)
    known = {one.id: one for one in everything.entities}
    names = [_mention(rng, known[id_]) for id_ in ids]
    text = grammar.worded(rng, imagined, names)
    day = FIRST_DAY + timedelta(days=rng.randrange(DAYS))
    found = _found(text)
    values: dict[str, Any] = {
        "id": f"post-{number:06d}",
        "text": " ".join(text.tokens),
        "date": day.isoformat(),
        # In the order of the sentence: that of the clauses would tell heads from tails.
        "entities": [
            {"start": start, "end": end, "name": " ".join(names[place])}
            for start, end, place in found
        ],
    }
    mentions: list[dict[str, Any]] = [
        {"span": [start, end], "entity": ids[place]} for start, end, place in found
    ]
    if imagined.objects:
        boxes = _drawn(folder, rng, values, imagined)
        mentions += [
            {"box": boxes[pair.tail], "entity": ids[pair.head]}
            for pair in rules.holding(imagined)
            if pair.triplet == "eo" and pair.relation in (rules.PERSON_SELF, rules.ORG_SELF)
        ]
    facts = {(ids[head], relation, ids[tail]) for head, relation, tail in stated(imagined)}
    return Written(values, mentions, facts)


def _found(text: grammar.Sentence) -> list[tuple[int, int, int]]:
    """Start and end of each entity in characters of the text, the first first; and its place."""
    starts = [0, *accumulate(len(token) + 1 for token in text.tokens)]
    spans = [(starts[first], starts[last] - 1) for first, last in text.spans]
    return sorted((start, end, place) for place, (start, end) in enumerate(spans))


def _imagined(rng: random.Random, cast: Cast) -> tuple[World, list[str]]:
    """What a post says and shows, and of whom."""
    pictured = rng.random() >= UNPICTURED
    while True:
        imagined = world.generate(rng)
        if not pictured:
            needs_picture = {*world.MARKS, "kit", "attends"}
            if any(clause.fact in needs_picture for clause in imagined.clauses):
                continue
            imagined = replace(imagined, objects=())
        if (ids := cast.draw(imagined)) is not None:
            return imagined, ids


def _mention(rng: random.Random, one: Entity) -> tuple[str, ...]:
    """What a post calls an entity."""
    return rng.choice(one.aliases) if one.aliases and rng.random() < ALIASED else one.name


def _drawn(
    folder: Path, rng: random.Random, values: dict[str, Any], imagined: World
) -> list[list[float]]:
    """Draws the picture of a post and adds its keys to `values`; gives the boxes of its objects."""
    drawn = scene.draw(rng, imagined)
    values["image"] = f"{PICTURES}/{values['id']}.jpg"
    values["depth"] = f"{DEPTHS}/{values['id']}.npz"
    Image.fromarray(drawn.picture).save(folder / values["image"], quality=88)
    np.savez_compressed(folder / values["depth"], depth_map=drawn.depth)
    boxes = [list(box) for box in drawn.boxes]
    values["objects"] = [
        {"box": box, "caption": grammar.caption(rng, item)}
        for box, item in zip(boxes, imagined.objects, strict=True)
    ]
    return boxes
