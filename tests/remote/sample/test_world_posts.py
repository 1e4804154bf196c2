"""Posts of one world: what they state is read off them by the sample's oracle, and compared."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sample_oracle as oracle
from PIL import Image
from released import config, words_tokenizer

from remote_jax.data import posts as posts_of
from remote_jax.data.media import PostFileMedia
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.posts import Posts
from remote_jax.remote.sample.posts.__main__ import main
from remote_jax.remote.sample.posts.write import write_posts

NUMBER = 150
SYMMETRIC = {f"/per/per/{name}" for name in ("partner", "opponent", "relatives", "alumni")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("posts")
    assert main([str(folder), f"--posts={NUMBER}", "--seed=1"]) == 0
    return folder


@pytest.fixture(scope="module")
def truth(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "world.json").read_text())


@pytest.fixture(scope="module")
def posts(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "posts.jsonl").read_text().splitlines()]


def _seen(folder: Path, post: dict[str, Any]) -> list[tuple[list[float], oracle.Seen]]:
    """The objects of a post, as its files show them."""
    if "image" not in post:
        return []
    pixels = np.asarray(Image.open(folder / post["image"]).convert("RGB"), int)
    with np.load(folder / post["depth"]) as file:
        depth = file["depth_map"]
    found = []
    for item in post["objects"]:
        crops = (oracle.crop(array, item["box"]) for array in (pixels, depth))
        found.append((item["box"], oracle._object(*crops, item["box"], item["caption"])))
    return found


def _stated(folder: Path, post: dict, kinds: dict[str, str], mentions: list[dict]) -> set:
    """The facts of a post, and who is to be seen where: read off its text and its files."""
    tokens = post["text"].split()
    place = {0: 0}
    for number, token in enumerate(tokens):
        place[list(place)[-1] + len(token) + 1] = number + 1
    ends = [
        (one["entity"], [place[one["span"][0]], place[one["span"][1] + 1]])
        for one in mentions
        if "span" in one
    ]
    seen, found, same = _seen(folder, post), set(), {}
    shown = {item.kind for _, item in seen}
    for head, first in ends:
        for tail, last in ends:
            if first == last:
                continue
            said = oracle.saying(tokens, first, last)
            if said == "attends" and kinds[head] == "per":
                said = "/per/misc/awarded" if "trophy" in shown else "/per/misc/present_in"
            types = [kinds[head], kinds[tail]]
            if said.startswith("/") and said.split("/")[1:3] == types:
                found.add((head, said, tail))
        said = oracle.mark(tokens, first)
        wanted = {"per": "person", "org": "logo"}.get(kinds[head])
        for box, item in seen:
            if said[0] and item.kind == wanted and oracle.fits(said, item):
                same[head] = (box, item)
    scene = oracle.scene(tokens)
    for head, (here, one) in same.items():
        for tail, (there, two) in same.items():
            pair = (one.kind, two.kind)
            if pair == ("person", "logo") or (
                pair == ("person", "person")
                and here[0] < there[0]
                and scene in ("match", "family", "school")
            ):
                relation = oracle._objects(scene, one, two)[0]
                found.add((head, relation, tail))
                if relation in SYMMETRIC:
                    found.add((tail, relation, head))
    tied = {(head, tuple(box)) for head, (box, _) in same.items()}
    assert tied == {(one["entity"], tuple(one["box"])) for one in mentions if "box" in one}
    return found


def test_facts_are_what_the_posts_state(
    folder: Path, posts: list[dict[str, Any]], truth: dict[str, Any]
) -> None:
    kinds = {one["id"]: one["type"] for one in truth["entities"]}
    found: Counter = Counter()
    for post in posts:
        found.update(_stated(folder, post, kinds, truth["mentions"][post["id"]]))
    assert set(found) == set(map(tuple, truth["facts"]))
    assert sum(count > 1 for count in found.values()) > 20  # with more than one support


def test_facts_are_consistent(truth: dict[str, Any]) -> None:
    facts = [tuple(fact) for fact in truth["facts"] + truth["implied"]]
    assert len(set(facts)) == len(facts)
    for name in ("birth", "residence", "governance"):
        heads = [head for head, relation, _ in facts if relation.endswith(f"place_of_{name}")]
        assert len(set(heads)) == len(heads) > 0
    clubs = [head for head, relation, _ in facts if relation.endswith(("leader_of", "member_of"))]
    assert len(set(clubs)) == len(clubs) > 0
    assert all((tail, name, head) in facts for head, name, tail in facts if name in SYMMETRIC)


def test_implied_facts_follow_by_the_rules_as_they_are_written(truth: dict[str, Any]) -> None:
    known = {tuple(fact) for fact in truth["facts"]}
    rules = [[_parsed(part) for part in rule.split(" => ")] for rule in truth["rules"]]
    while more := {fact for rule in rules for fact in _applied(*rule, known)} - known:
        known |= more
    assert known == {tuple(fact) for fact in truth["facts"] + truth["implied"]}
    assert truth["implied"]


def _parsed(part: str) -> list[list[str]]:
    return [one.split() for one in part.split(", ")]


def _applied(conditions: list[list[str]], conclusion: list[list[str]], known: set):
    """What a rule gives, by trying all facts for its conditions."""
    bound: list[dict[str, str]] = [{}]
    for head, relation, tail in conditions:
        bound = [
            {**given, head: one, tail: two}
            for given in bound
            for one, name, two in known
            if name == relation and given.get(head, one) == one and given.get(tail, two) == two
        ]
    (head, relation, tail) = conclusion[0]
    for given in bound:
        if given[head] != given[tail]:
            yield given[head], relation, given[tail]


def test_mentions_are_names_or_aliases(posts: list[dict[str, Any]], truth: dict[str, Any]) -> None:
    known = {one["id"]: one for one in truth["entities"]}
    aliases = 0
    for post in posts:
        spans = [one for one in truth["mentions"][post["id"]] if "span" in one]
        assert [[one["start"], one["end"]] for one in post["entities"]] == [
            one["span"] for one in spans
        ]
        for given, one in zip(post["entities"], spans, strict=True):
            entity, words = known[one["entity"]], post["text"][slice(*one["span"])]
            assert words == given["name"] and words in (entity["name"], *entity["aliases"])
            aliases += words != entity["name"]
    assert 10 < aliases < 120
    called = Counter(alias for one in truth["entities"] for alias in one["aliases"])
    assert len({one["name"] for one in truth["entities"]}) == len(known)
    assert 5 < sum(count > 1 for count in called.values()) < 20  # few are ambiguous


def test_the_reader_accepts_every_post(folder: Path, posts: list[dict[str, Any]]) -> None:
    path, orders = folder / "posts.jsonl", Orders(np.full((3, 2, 3), 5))
    values = [value for _, value in posts_of.read(path)]
    read = Posts(
        values,
        PostFileMedia(path),
        words_tokenizer(),
        ("none", "/per/loc/a", "/org/misc/b"),
        orders,
        config(folder, folder),
    )
    count = len(read.dataset)
    outputs = {"logits": np.zeros((count, 3)), "temperature": np.array(1.0)}
    found = list(read.answers({**outputs, "threshold": np.array(0.5)}))
    assert [one.error for one in found] == [None] * NUMBER
    assert [one.id for one in found] == [post["id"] for post in posts]
    assert 0.05 < sum("image" not in post for post in posts) / NUMBER < 0.25
    assert len({post["date"][:7] for post in posts}) == 12


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for folder, seed in ((tmp_path / "a", 0), (tmp_path / "b", 0), (tmp_path / "c", 1)):
        write_posts(folder, posts=6, seed=seed)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        contents.append([(path.relative_to(folder), path.read_bytes()) for path in files])
    assert contents[0] == contents[1] != contents[2]
