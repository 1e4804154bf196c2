"""Words of a post's text, and where they stand in it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remote_jax.data.posts import Post, values_of, words
from remote_jax.errors import Refused

PIECES = st.sampled_from(
    ["RT", " ", "@BBC", "@", "#", "http://x.y/z", "U.S.", "'s", ")", "\n", "é"]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RT @AFP: #BREAKING", ["RT", "@AFP", ":", "#", "BREAKING"]),
        ("see https://t.co/aB1, @", ["see", "https://t.co/aB1", ",", "@"]),
        ("(http://x.org/a/)", ["(", "http://x.org/a/", ")"]),
        ("http:// is none", ["http", ":", "/", "/", "is", "none"]),
        ("mail@x.org", ["mail", "@x", ".", "org"]),
    ],
)
def test_links_and_mentions_are_whole(text: str, found: list[str]) -> None:
    assert list(words({"text": text})[0]) == found


@given(st.lists(PIECES, min_size=1, max_size=8).map("".join).filter(str.strip))
@example("https://é@x")
def test_words_lie_where_they_are_said_to(text: str) -> None:
    """And nothing between them is left out but blanks."""
    found, starts, ends = words({"text": text})
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == list(found)
    assert not any(c.isspace() for word in found for c in word)
    gaps = zip([0, *ends], [*starts, len(text)], strict=True)
    assert not "".join(text[a:b] for a, b in gaps).strip()


def test_a_text_or_tokens_but_not_both() -> None:
    assert words({"tokens": ["a b", "@"]}) == (("a b", "@"), [0, 1], [1, 2])
    for post in ({}, {"text": "a", "tokens": ["a"]}, {"text": " "}):
        with pytest.raises(Refused):
            words(post)


def test_values_of_numpy_are_those_of_python() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    post = Post(
        tokens=np.array(["Ann", "sings"]),
        entities=[np.array([0, 1]), {"start": np.int64(1), "end": np.int32(2)}],
        objects=[{"box": np.array([0, 0, 0.5, 1], np.float32), "score": np.float32(0.5)}],
        image=picture,
        id=np.int64(7),
    )
    found = values_of(post)
    assert found.pop("image") is picture
    assert found == {
        "tokens": ["Ann", "sings"],
        "entities": [[0, 1], {"start": 1, "end": 2}],
        "objects": [{"box": [0.0, 0.0, 0.5, 1.0], "score": 0.5}],
        "id": 7,
    }
    assert type(found["id"]) is int and type(found["objects"][0]["score"]) is float
    assert values_of(dict(found, image=picture))["id"] == 7
