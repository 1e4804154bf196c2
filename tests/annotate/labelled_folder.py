"""Small folders of posts to label, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from remote_jax.annotate import vocabulary
from remote_jax.annotate.project import Project
from remote_jax.annotate.store import ADJUDICATOR, ANNOTATOR
from remote_jax.data.extracted import MANIFEST

MARKUP = "<img src=x onerror=document.title='run'>"
POST = {
    "id": "first",
    "text": "Ann Lee met Bob at Oslo Town Hall 🎉 today",
    "entities": [[0, 7], {"start": 12, "end": 15, "type": "per"}, [19, 33]],
    "image": "a.png",
    "objects": [{"box": [0.1, 0.2, 0.5, 0.9], "caption": "a woman"}, [0.5, 0.1, 0.9, 0.8]],
}
IN_WORDS = {
    **{key: POST[key] for key in ("id", "image", "objects")},
    "tokens": ["Ann", "Lee", "met", "Bob", "at", "Oslo", "Town", "Hall", "again", "today"],
    "entities": [[0, 2], {"start": 3, "end": 4, "type": "per"}, [5, 8]],
}
"""The same in words, which needs no tokenizer: one starts a server a second later."""
TOKENS = {"tokens": ["Eve", "left", "Acme", "Inc", "."], "entities": [[0, 1], [2, 4]]}


def write(folder: Path, posts: Sequence[Mapping[str, Any]] = (POST, TOKENS)) -> Path:
    """A folder of posts, UMRE's relations and one picture."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(post) + "\n" for post in posts)
    (folder / "posts.jsonl").write_text(lines, encoding="utf-8")
    vocabulary.write(folder, vocabulary.published("umre"))
    image = Image.new("RGB", (160, 120), "white")
    ImageDraw.Draw(image).rectangle((16, 24, 80, 108), fill="darkred")
    image.save(folder / "a.png")
    return folder


def project(folder: Path, annotators: str = "ana,ben", adjudicator: str = "eva") -> Project:
    """The folder with its people."""
    made = Project(folder, new=True)
    roles = {name: ANNOTATOR for name in annotators.split(",")}
    made.store.add_people(roles | ({adjudicator: ADJUDICATOR} if adjudicator else {}))
    return made


def relation(head: str, tail: str, name: str) -> dict[str, Any]:
    """A change that labels a pair."""
    value = {"head": head, "tail": tail, "relation": name}
    return {"item": " ".join(sorted((head, tail))), "value": value}


def extracted(folder: Path, *posts: Mapping[str, Any]) -> Path:
    """A folder as `extract` writes it."""
    folder.mkdir()
    (folder / "part-00000.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    manifest = {"format": 1, "shards": [{"file": "part-00000.jsonl", "posts": len(posts)}]}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder
