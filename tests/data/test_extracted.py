"""Extracted posts: what is written is read again, and bad lines are named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.data.extracted import (
    FORMAT,
    ExtractedPost,
    Mention,
    Triplet,
    read_extracted,
)
from remote_jax.errors import UserError

POST = ExtractedPost(
    id="a1",
    text="Gatika Bamorel hugs cousin Nel",
    image="pictures/a1.jpg",
    date="2026-03-01",
    mentions=(
        Mention("Gatika Bamorel", "per", (0, 14)),
        Mention("Nel", "per", (27, 30)),
        Mention("someone waving", box=(0.1, 0.2, 0.5, 0.9)),
    ),
    triplets=(Triplet(0, 1, "/per/per/relatives", 0.75),),
)


def _folder(path, *lines):
    (path / "part-00000.jsonl").write_text("".join(f"{line}\n" for line in lines))
    manifest = {"format": FORMAT, "shards": [{"file": "part-00000.jsonl"}]}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def test_what_is_written_is_read_again(tmp_path):
    folder = _folder(tmp_path, json.dumps(POST.to_dict()))
    assert list(read_extracted(folder)) == [POST]


@given(st.floats(0, 1), st.text(min_size=1, alphabet=st.characters(codec="utf-8")))
def test_probabilities_and_texts_come_back_as_they_were(probability, name):
    post = ExtractedPost("1", name, None, None, (Mention(name, "", (0, 1)),) * 2)
    post = ExtractedPost(
        post.id, post.text, mentions=post.mentions, triplets=(Triplet(1, 0, name, probability),)
    )
    assert ExtractedPost.from_dict(json.loads(json.dumps(post.to_dict()))) == post


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mentions": [{"name": "x", "span": [0, 31]}]}, "leaves the text"),
        ({"mentions": [{"name": "x", "span": [True, 3]}]}, "two whole numbers"),
        ({"mentions": [{"box": [0, 0, float("nan"), 1]}]}, "not finite"),
        ({"mentions": "many"}, "list of objects"),
        ({"triplets": [{"head": 0, "tail": 3, "relation": "r", "probability": 1}]}, "3 mentions"),
        (
            {"triplets": [{"head": 0, "tail": 1, "relation": "r", "probability": float("nan")}]},
            "must be in",
        ),
        ({"id": 3}, "id must be text"),
    ],
)
def test_bad_lines_are_named(tmp_path, change, said):
    folder = _folder(tmp_path, json.dumps(POST.to_dict()), json.dumps({**POST.to_dict(), **change}))
    with pytest.raises(UserError, match=r"part-00000\.jsonl, line 2.*" + said):
        list(read_extracted(folder))


def test_a_shard_outside_of_the_folder_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(
        json.dumps({"format": FORMAT, "shards": [{"file": "../part.jsonl"}]})
    )
    with pytest.raises(UserError, match="goes up a folder"):
        list(read_extracted(tmp_path))


def test_without_a_manifest_it_is_no_folder_of_extracted_posts(tmp_path):
    with pytest.raises(UserError, match=r"no manifest\.json"):
        list(read_extracted(tmp_path))
