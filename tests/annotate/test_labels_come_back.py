"""What goes out in a layout and is imported again is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import labelled_folder as folders
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from labelled_folder import relation
from PIL import Image

from remote_jax.annotate import vocabulary
from remote_jax.annotate.ends import Entity, Layer, Object
from remote_jax.annotate.layouts.folders import LAYOUTS, export, import_
from remote_jax.annotate.posts import Post
from remote_jax.annotate.project import Project
from remote_jax.annotate.splitting.files import read_splits, write_splits
from remote_jax.data.release import SPLITS

KINDS = {"umre": ("ee", "eo", "oo"), "more": ("eo",), "mnre": ("ee",), "jmere": ("ee",)}
KINDS["label-studio"] = KINDS["umre"]

WORDS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


def said(post: Post, layer: Layer, kinds: tuple[str, ...]) -> Any:
    """Words and labels of a post, without identifiers; ends of no such pair are left out."""

    def end(item: str) -> Any:
        found = layer.ends[item]
        if isinstance(found, Entity):
            return post.in_words(found.span), found.type
        assert isinstance(found, Object)
        return found.box, found.type, found.caption

    labels = []
    for (first, second), one in layer.relations.items():
        if first[0] + second[0] in kinds:
            ends = [end(one.head), end(one.tail)]
            ends = sorted(ends, key=repr) if one.relation == "none" else ends  # no direction
            labels.append((*ends, one.relation))
    return post.words, sorted(labels, key=repr)


def everything(project: Project, kinds: tuple[str, ...]) -> list[Any]:
    """What is said of all posts, with their splits and pictures, in any order."""
    layers, splits = project.loaded(), read_splits(project.folder, project.by_id)
    found = []
    for post in project.posts:
        words, labels = said(post, layers.final(post), kinds)
        picture = project.folder / post.image
        content = Image.open(picture).tobytes() if post.image and kinds[0] != "ee" else b""
        if labels:
            found.append((words, labels, splits[post.id], content))
    return sorted(found, key=repr)


@st.composite
def labelled_posts(draw: st.DrawFn, kinds: tuple[str, ...], name: str) -> list[dict[str, Any]]:
    """Posts with a picture each, all pairs of some kinds labelled, types as the relations say."""
    known = vocabulary.published("jmere" if name == "jmere" else "umre")
    types = known.types
    posts = []
    for number in range(draw(st.integers(1, 3))):
        words = draw(st.lists(WORDS, min_size=6, max_size=9))
        starts = draw(st.lists(st.integers(0, 5), min_size=2, max_size=3, unique=True))
        ends = [{"start": one, "end": one + draw(st.integers(1, 1))} for one in starts]
        left = draw(st.lists(st.integers(0, 40), min_size=2, max_size=3, unique=True))
        boxes = [[x / 100, 0.12345, x / 100 + 0.3, 0.87654 + x / 1000] for x in left]
        kind = draw(st.sampled_from(types))
        fitting = [
            one
            for one in known.relations[1:]
            if name == "jmere" or one.startswith(f"/{kind}/{kind}/")
        ]
        items = [f"e{place}" for place in range(len(ends))]
        items += [f"o{place}" for place in range(len(boxes))]
        layer = Layer({item: Entity((0, 1)) for item in items})
        labels = [
            relation(*pair, draw(st.sampled_from(["none", *fitting])))
            for pair in layer.pairs()
            if pair[0][0] + pair[1][0] in kinds
        ]
        post = {
            **{"id": f"post-{number}", "tokens": words, "image": f"{number}.png"},
            "entities": [{**one, "type": kind} for one in ends],
            "objects": [
                {"box": box, "caption": f"thing {place}", "type": kind}
                for place, box in enumerate(boxes)
            ],
        }
        posts.append({"post": post, "labels": labels, "split": draw(st.sampled_from(SPLITS))})
    return posts


def make(folder: Path, posts: list[dict[str, Any]], name: str) -> Project:
    """The folder of these posts, with their labels."""
    folders.write(folder, [one["post"] for one in posts])
    if name == "jmere":
        (folder / "rel2id.json").unlink()
        vocabulary.write(folder, vocabulary.published("jmere"))
    for number in range(len(posts)):
        pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    write_splits(
        folder,
        {split: [one["post"]["id"] for one in posts if one["split"] == split] for split in SPLITS},
    )
    project = folders.project(folder, "ana", "")
    for post, one in zip(project.posts, posts, strict=True):
        project.change("ana", post, "abcdefgh", one["labels"])
    return project


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_goes_out_comes_back(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=6, derandomize=True, phases=[Phase.generate])
    @given(labelled_posts(KINDS[name], name))
    def comes_back(posts: list[dict[str, Any]]) -> None:
        place = tmp_path_factory.mktemp("labels")
        project = make(place / "own", posts, name)
        notes = export(project, place / "out", name, None)
        assert notes == [] or name == "mnre"
        count, passed = import_(place / "out", place / "back", name, "imported")
        back = Project(place / "back")
        assert passed == [] and len(back.posts) == count
        expected = untyped(everything(project, KINDS[name]), name)
        assert untyped(everything(back, KINDS[name]), name) == expected
        # And once more: a folder that was imported goes out as it came in.
        export(back, place / "again", name, None)
        for path in sorted((place / "out").rglob("*")):
            if path.suffix in (".json", ".txt") and name in ("umre", "more", "mnre"):
                assert content(place / "again" / path.relative_to(place / "out")) == content(path)

    comes_back()


def content(path: Path) -> Any:
    """The object of a file, or its lines in any order."""
    text = path.read_text()
    one = path.name.startswith(("pos_", "cap_", "rel2id"))
    return json.loads(text) if one else sorted(text.splitlines())


def untyped(found: list[Any], name: str) -> list[Any]:
    """Without what rows of pairs do not say: types (but by relations), captions in MORE."""
    if name in ("jmere", "label-studio"):
        return found
    return [
        (
            words,
            [tuple(end[0] if isinstance(end, tuple) else end for end in label) for label in labels],
            *rest,
        )
        for words, labels, *rest in found
    ]
