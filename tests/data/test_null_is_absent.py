"""A key that is null is one that is not there, in every command that reads posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from remote_jax.annotate.posts import check_post
from remote_jax.data.extracted import ExtractedPost
from remote_jax.data.posts import items, text_of
from remote_jax.errors import Refused
from remote_jax.extract.found import FoundInPost
from remote_jax.prepare.post import read_post

ENTITY = {"start": 0, "end": 3}
OBJECT = {"box": [0.0, 0.0, 0.5, 1.0]}
NULLS = {"type": None, "caption": None, "class": None, "score": None}


def posts(image: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """A post with nulls, and the same without these keys."""
    null = {"entities": [{**ENTITY, "type": None, "name": None}], "objects": [{**OBJECT, **NULLS}]}
    rest = {"text": "Ann", **({"image": "a.png"} if image else {})}
    return {**rest, **null}, {**rest, "entities": [ENTITY], "objects": [OBJECT]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    return tmp_path


def test_preparing(folder: Path) -> None:
    null, absent = (read_post(1, one, folder) for one in posts(image=True))
    assert null == absent and null.entities[0].given == absent.entities[0].given == ENTITY
    assert null.objects[0].given == OBJECT


def test_annotating(folder: Path) -> None:
    null, absent = (check_post(one, 1, folder) for one in posts(image=True))
    assert null == absent


def test_extracting() -> None:
    made = []
    for one in posts(image=False):
        found = FoundInPost(one)
        found.add_entities(one["entities"])
        made.append(found.post("a", None, None))
    assert made[0] == made[1]
    row = made[0].to_dict()
    row["mentions"] = [{**one, "type": None} for one in row["mentions"]]
    assert ExtractedPost.from_dict(json.loads(json.dumps(row))) == made[1]


def test_what_is_no_text_is_refused() -> None:
    assert text_of({"type": None}, "type", "x") == text_of({}, "type", "x") == ""
    assert items({"entities": None}, "entities") == ()
    for value in (0, False, [], {}, 3):
        with pytest.raises(Refused, match="the type of x must be text"):
            text_of({"type": value}, "type", "x")
