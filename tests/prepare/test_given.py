"""What a post came with is kept by every step, and what a step finds is added to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted import Asked, Reply, entities, lines, said, serving, write_posts

from remote_jax.commands.prepare import main
from remote_jax.errors import UserError
from remote_jax.prepare.given import with_entities, with_objects
from remote_jax.prepare.mentions import MAX_ENTITIES
from remote_jax.prepare.models.depth import DepthStep
from remote_jax.prepare.post import MAX_OBJECTS, Entity, ObjectInPicture, PreparedPost, read_post
from remote_jax.prepare.rows import captions

TEXT = "Ann Lee of Acme met Bob"
LEFT, RIGHT = [0.0123456789, 0, 0.5, 1], [0.5, 0, 1, 1]


def script(asked: Asked) -> Reply:
    if asked.schema == "entities":
        return said(
            entities(("Ann Lee", "org", "a singer"), ("Bob", "per", ""), ("of Acme", "x", ""))
        )
    if asked.schema == "objects":
        boxes = [[10, 0, 500, 1000], [500, 0, 1000, 1000], [0, 0, 1000, 1000]]
        return said({"objects": [{"box": x, "type": "per", "caption": "new"} for x in boxes]})
    captions = [{"object": place, "caption": "told"} for place in range(4)]
    return said({"picture": "two people", "objects": captions})


def prepared(folder: Path, post: dict[str, object], *flags: str) -> Path:
    posts = write_posts(folder, {"text": TEXT, "image": "0.png", **post})
    with serving(script) as server:
        options = (
            f"--endpoint={server.url}",
            "--model=m",
            "--boxes=thousandths",
            "--types=per,org,x",
        )
        output = folder / "out"
        steps = "--steps=entities,objects,captions"
        assert main([str(posts), f"--output={output}", steps, *options, *flags]) == 0
    return output


def test_given_entities_and_boxes_stay_as_they_came_and_new_ones_follow(tmp_path: Path) -> None:
    ann = {"start": 0, "end": 7, "name": "the singer", "type": "per"}
    acme = {"start": 11, "end": 15, "name": "Acme", "type": "org"}
    own = {"box": LEFT, "caption": "Ann", "type": "per", "class": "dress", "score": 0.5}
    given = {"entities": [acme, ann], "objects": [own, {"box": RIGHT}]}
    output = prepared(tmp_path, given)
    (post,) = lines(output / "posts.jsonl")
    bob = {"start": 20, "end": 23, "name": "Bob", "type": "per"}
    assert post["entities"] == [acme, ann, bob]
    whole = {"box": [0.0, 0.0, 1.0, 1.0], "caption": "told", "type": "per"}
    assert post["objects"] == [own, {"box": RIGHT, "caption": "told"}, whole]
    (origin,) = lines(output / "provenance.jsonl")
    assert origin["given"] == given
    found = origin["steps"]["entities"]
    assert found["found"] == 1 and origin["steps"]["objects"]["found"] == 1
    assert found["refused"] == ["'of Acme' overlaps 'Acme', which the post came with"]
    (told,) = json.loads((output / "cap_prepared.json").read_text()).values()
    assert told["Ann Lee"] == "a singer" and told["[OBJ0]"] == "Ann"


def test_overlap_says_from_where_on_a_box_is_the_given_one(tmp_path: Path) -> None:
    """The whole picture and its half have 0.5 of their union in common."""
    counts = {}
    for flag in ("0.51", "0.5"):
        output = prepared(tmp_path / flag, {"objects": [RIGHT]}, f"--overlap={flag}")
        counts[flag] = len(lines(output / "posts.jsonl")[0]["objects"])
    assert counts == {"0.51": 3, "0.5": 2}
    with pytest.raises(UserError, match=r"--overlap is 1\.5"):
        prepared(tmp_path, {}, "--overlap=1.5")


def test_words_of_a_given_entity_stay_words(tmp_path: Path) -> None:
    post = {"tokens": TEXT.split(), "image": "0.png", "entities": [[3, 4]]}
    posts = write_posts(tmp_path, post)
    with serving(script) as server:
        flags = (f"--endpoint={server.url}", "--model=m", "--steps=entities")
        main([str(posts), f"--output={tmp_path / 'out'}", *flags])
    (post,) = lines(tmp_path / "out" / "posts.jsonl")
    spans = [(one["start"], one["end"]) for one in post["entities"]]
    assert spans == [(3, 4), (0, 2), (5, 6)]


def test_steps_add_up_to_a_number_and_given_ones_beyond_it_are_kept() -> None:
    row = {"given": {}}
    entity = [Entity(2 * i, 2 * i + 1, "x", **(row if i % 2 else {})) for i in range(150)]
    own = tuple(one for one in entity if one.given is not None)
    found = with_entities(PreparedPost(1, "x" * 300, entities=own), entity)
    assert found.post.entities == own and found.count == 0 and len(own) > MAX_ENTITIES
    boxes = [ObjectInPicture((i / 40, 0.0, (i + 1) / 40, 1.0)) for i in range(40)]
    objects = tuple(replace(one, given={}) for one in boxes[:10])
    post = with_objects(PreparedPost(1, "x", objects=objects), boxes, 0.7).post
    assert len(post.objects) == MAX_OBJECTS and post.objects[:10] == objects


def test_two_given_entities_of_one_span_stay_two(tmp_path: Path) -> None:
    span = {"start": 0, "end": 7, "name": "Ann Lee"}
    given = [{**span, "type": "org"}, {**span, "type": "misc"}]
    output = prepared(tmp_path, {"entities": given})
    (post,) = lines(output / "posts.jsonl")
    assert post["entities"][:2] == given and len(post["entities"]) == 4
    (told,) = json.loads((output / "cap_prepared.json").read_text()).values()
    assert told["Ann Lee"] == "a singer"


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_caption_of_a_given_object_is_filled_in(tmp_path: Path, empty: str | None) -> None:
    output = prepared(tmp_path, {"objects": [{"box": RIGHT, "caption": empty, "score": 0}]})
    (post,) = lines(output / "posts.jsonl")
    assert post["objects"][0] == {"box": RIGHT, "caption": "told", "score": 0}


def test_a_name_keeps_its_caption_where_a_second_mention_has_none() -> None:
    mentions = (Entity(0, 3, "Ann", caption="a singer"), Entity(8, 11, "Ann"))
    assert captions(PreparedPost(1, "Ann and Ann", entities=mentions)) == {"Ann": "a singer"}


def test_a_given_depth_map_is_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "0.npz", depth_map=np.eye(3))
    write_posts(tmp_path)
    post = read_post(1, {"text": "x", "image": "0.png", "depth": "0.npz"}, tmp_path)
    step = object.__new__(DepthStep)  # its model is not needed to know that nothing is to be done
    assert step.reads(post) is None
    assert step.reads(replace(post, given_depth=None)) is not None


def test_a_given_depth_map_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Posts without an `id` that differ in nothing else."""
    for number in (1, 2):
        np.savez(tmp_path / f"{number}.npz", depth_map=number * np.eye(3))
    write_posts(tmp_path)
    depths: list[dict[str, str]] = [{"depth": "1.npz"}, {"depth": "2.npz"}, {}]
    posts = [read_post(1, {"text": "x", "image": "0.png", **one}, tmp_path) for one in depths]
    assert len({post.name for post in posts}) == 3
