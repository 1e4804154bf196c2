"""What a model found, as suggestions: by words and boxes, and only what the vocabulary has."""

from __future__ import annotations

from pathlib import Path

import labelled_folder as folders
import pytest
from labelled_folder import extracted

from remote_jax.annotate.ends import Entity, Object
from remote_jax.annotate.suggestions import read_suggestions
from remote_jax.errors import UserError

TEXT = folders.POST["text"]
MENTIONS = [
    {"name": "Ann Lee", "type": "per", "span": [0, 7]},
    {"name": "today", "type": "robot", "span": [36, 41]},
    {"name": "a woman", "type": "per", "box": [0.12, 0.22, 0.52, 0.9]},
    {"name": "a ball", "type": "misc", "box": [0.0, 0.0, 0.1, 0.1]},
]


def triplet(head: int, tail: int, relation: str, probability: float) -> dict:
    return {"head": head, "tail": tail, "relation": relation, "probability": probability}


def test_mentions_are_found_again_and_others_are_offered(tmp_path: Path) -> None:
    project = folders.project(folders.write(tmp_path / "posts"))
    triplets = [
        triplet(0, 2, "/per/per/self", 0.9),
        triplet(2, 0, "/per/per/partner", 0.4),
        triplet(0, 3, "/per/misc/awarded", 0.8),
        triplet(0, 1, "<script>", 1.0),
    ]
    post = {"id": "first", "text": TEXT, "mentions": MENTIONS, "triplets": triplets}
    others = [{**post, "id": "nowhere"}, {**post, "id": "posts.jsonl:2", "text": "another"}]
    others = [{**one, "mentions": [], "triplets": []} for one in others]
    folder = extracted(tmp_path / "extracted", post, *others)
    found, passed = read_suggestions(folder, project.by_id, project.vocabulary)
    assert set(found) == {"first"}
    assert found["first"].ends == {
        "es1": Entity((36, 41)),
        "os3": Object((0.0, 0.0, 0.1, 0.1), "misc", "a ball"),
    }
    assert {item: one["relation"] for item, one in found["first"].relations.items()} == {
        "e0 o0": "/per/per/self",
        "e0 os3": "/per/misc/awarded",
    }
    assert passed == [
        "1 suggestions of other posts",
        "1 suggestions of other texts",
        "2 suggestions of unknown relations or types",
    ]


@pytest.mark.parametrize(
    "change", [{"text": ""}, {"mentions": [{"name": "x", "box": [0, 0, float("nan"), 1]}]}]
)
def test_a_line_that_is_none_is_named(tmp_path: Path, change: dict) -> None:
    project = folders.project(folders.write(tmp_path / "posts"))
    post = {"id": "first", "text": TEXT, "mentions": MENTIONS, "triplets": [], **change}
    with pytest.raises(UserError, match="line 1"):
        read_suggestions(extracted(tmp_path / "extracted", post), project.by_id, project.vocabulary)
