"""Entities by taggers: spaCy's pipelines, EEGA, labels of other data sets, and mixed texts."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import spacy
from scripted import entities, lines, said, serving, write_posts

import remote_jax
from remote_jax.commands.prepare import main
from remote_jax.eega.answers import FoundEntity, Quintuples
from remote_jax.errors import UserError
from remote_jax.prepare.mentions import (
    TYPES,
    Span,
    mixed_text,
    type_of,
    without_overlaps,
)
from remote_jax.prepare.models.fingerprint import fingerprint
from remote_jax.prepare.post import Candidate, Entity, PreparedPost, read_post
from remote_jax.prepare.tagging import TagStep

TEXT = "Ann Lee of Acme met Bob on Monday"


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    nlp = spacy.blank("en")
    patterns = {"Ann Lee": "PERSON", "Acme": "ORG", "Monday": "DATE", "singer": "PERSON"}
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": text} for text, label in patterns.items()])
    folder = tmp_path_factory.mktemp("spacy") / "pipeline"
    nlp.to_disk(folder)
    return folder


def test_entities_of_a_spacy_pipeline(tmp_path: Path, pipeline: Path) -> None:
    posts = write_posts(tmp_path, {"text": TEXT}, {"tokens": TEXT.split()})
    output = tmp_path / "out"
    flags = ("--steps=entities", f"--entities=spacy:{pipeline}")
    assert main([str(posts), f"--output={output}", *flags]) == 0
    first, second = lines(output / "posts.jsonl")
    assert first["entities"] == [
        {"start": 0, "end": 7, "name": "Ann Lee", "type": "per"},
        {"start": 11, "end": 15, "name": "Acme", "type": "org"},
    ]
    assert [(one["start"], one["end"]) for one in second["entities"]] == [(0, 2), (3, 4)]
    step = lines(output / "provenance.jsonl")[0]["steps"]["entities"]
    assert step["refused"] == ["'Monday' is 'DATE', none of the types"]
    assert (step["by"], step["sha256"]) == ("spacy", fingerprint(pipeline))


def test_a_pipeline_without_entities_is_refused(tmp_path: Path) -> None:
    spacy.blank("en").to_disk(tmp_path / "blank")
    posts = write_posts(tmp_path, {"text": TEXT})
    names = {str(tmp_path / "blank"): "finds no entities", "no_such": "cannot load"}
    for name, told in names.items():
        flags = ("--steps=entities", f"--entities=spacy:{name}")
        with pytest.raises(UserError, match=told):
            main([str(posts), f"--output={tmp_path / 'out'}", *flags])


def test_a_tagger_reads_the_candidates_behind_the_text(tmp_path: Path, pipeline: Path) -> None:
    posts = write_posts(tmp_path, {"text": TEXT, "image": "0.png"})
    found = entities(("Ann Lee", "org", "a singer"), ("Bob", "per", ""), ("Oslo", "loc", "a city"))
    output = tmp_path / "out"
    with serving(lambda _: said(found)) as server:
        flags = (f"--endpoint={server.url}", "--model=m", f"--entities=mllm+spacy:{pipeline}")
        assert main([str(posts), f"--output={output}", *flags, "--steps=entities"]) == 0
    (post,) = lines(output / "posts.jsonl")
    assert [(one["name"], one["type"]) for one in post["entities"]] == [
        ("Ann Lee", "per"),
        ("Acme", "org"),
    ]
    (captions,) = json.loads((output / "cap_prepared.json").read_text()).values()
    assert captions == {"Ann Lee": "a singer"}


def test_the_mixed_text_starts_with_the_text() -> None:
    candidates = [Candidate("Ann Lee", "per", "a singer"), Candidate("Oslo", "loc", "")]
    assert mixed_text("x y ", candidates) == "x y. Ann Lee (per): a singer. Oslo (loc)"
    assert mixed_text("x y ", []) == "x y "


class Fixed:
    """A tagger that finds the same in each text."""

    sees = True

    def __init__(self, *spans: Span):
        self.version, self.spans = {"by": "fixed"}, list(spans)

    def tag(self, text: str, post: PreparedPost) -> list[Span]:
        return self.spans


def test_what_reaches_behind_the_text_is_left_out() -> None:
    post = PreparedPost(1, "Ann of Acme", candidates=(Candidate("Oslo", "loc", ""),))
    step = TagStep(Fixed(Span(0, 3, "PER"), Span(7, 14, "ORG"), Span(13, 17, "LOC")), TYPES)
    found = step.add(post, step.ask(post))
    assert [one.name for one in found.post.entities] == ["Ann"] and not found.refused


def test_labels_of_the_usual_data_sets() -> None:
    pairs = {"PERSON": "per", "per": "per", "GPE": "loc", "geo-loc": "loc", "NORP": "misc"}
    assert {label: type_of(label, TYPES) for label in pairs} == pairs
    assert type_of("DATE", TYPES) is None and type_of("../../x", TYPES) is None
    assert type_of("GPE", ("gpe", "person")) == "gpe" and type_of("ORG", ("person",)) is None


def test_of_entities_that_overlap_the_longest_is_kept() -> None:
    spans = [(0, 3), (0, 8), (4, 8), (9, 12), (11, 14)]
    kept = without_overlaps(Entity(*span, "x") for span in spans)
    assert [(one.start, one.end) for one in kept] == [(0, 8), (9, 12)]


def test_entities_of_an_eega(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    class Model:
        system = "eega"

        def predict(self, posts: list[dict[str, Any]]) -> list[Quintuples]:
            asked.extend(posts)
            if posts[0]["text"] == "bad":
                return [Quintuples(error="no words")]
            return [Quintuples(entities=(FoundEntity("Ann Lee", 0, 7, "per", 0.9),))]

    monkeypatch.setattr(remote_jax, "load", lambda _: Model())
    posts = write_posts(tmp_path, {"text": TEXT, "image": "0.png"}, {"text": "bad"})
    output = tmp_path / "out"
    flags = [f"--output={output}", "--steps=entities", f"--entities=eega:{tmp_path}"]
    assert main([str(posts), *flags]) == 3
    assert lines(output / "posts.jsonl")[0]["entities"][0]["name"] == "Ann Lee"
    assert lines(output / "provenance.jsonl")[1]["steps"]["entities"]["failed"] == "no words"
    assert {"image" in one for one in asked} == {True, False}
    monkeypatch.setattr(remote_jax, "load", lambda _: SimpleNamespace(system="roam"))
    with pytest.raises(UserError, match="expected one of eega"):
        main([str(posts), *flags])


def test_what_a_post_came_with_is_kept(tmp_path: Path, pipeline: Path) -> None:
    given = {"box": [0, 0, 0.5, 1], "caption": "a cup", "score": 0.5}
    row = {"id": 0, "text": TEXT, "image": "0.png", "objects": [given, [0, 0, 1, 1]]}
    row |= {"entities": [[0, 3]], "depth": "0.npz"}
    np.savez(tmp_path / "0.npz", depth_map=np.eye(3))
    posts = write_posts(tmp_path, row)
    output = tmp_path / "out"
    flags = ("--steps=entities", f"--entities=spacy:{pipeline}")
    main([str(posts), f"--output={output}", *flags])
    (post,) = lines(output / "posts.jsonl")
    assert (output / post["depth"]).read_bytes() == (tmp_path / "0.npz").read_bytes()
    assert post["id"] == 0 and post["objects"] == [given, {"box": [0, 0, 1, 1]}]
    assert [(one["start"], one["end"]) for one in post["entities"]] == [(0, 3), (11, 15)]


def test_names_of_files_follow_from_the_content(tmp_path: Path) -> None:
    write_posts(tmp_path, pictures=2)
    post = read_post(1, {"id": 1, "text": "x", "image": "0.png"}, tmp_path)
    again = read_post(9, {"id": 1, "text": "x", "image": "0.png"}, tmp_path)
    others = [
        read_post(1, {"id": 1, "text": "x", "image": "1.png"}, tmp_path),
        read_post(1, {"id": 2, "text": "x", "image": "0.png"}, tmp_path),
        dataclasses.replace(again, text="y"),
    ]
    assert post.name == again.name and post.name not in {one.name for one in others}
