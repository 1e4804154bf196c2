"""Words of a post's text, and where they stand in it."""

from __future__ import annotations

import ast
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remote_jax.data.posts import Post, values_of, words
from remote_jax.data.words import _blank, check_language
from remote_jax.errors import Refused, UserError

PIECES = st.sampled_from(
    ["RT", " ", "@BBC", "@", "#", "http://x.y/z", "U.S.", "'s", ")", "\n", "é"]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("RT @AFP: #BREAKING", ["RT", "@AFP", ":", "#", "BREAKING"]),
        ("see https://t.co/aB1, @", ["see", "https://t.co/aB1", ",", "@"]),
        ("(http://x.org/a/)", ["(", "http://x.org/a/", ")"]),
        ("mail@x.org", ["mail@x.org"]),
        ("Ann's  don't\u3000U.S.", ["Ann", "'s", "do", "n't", "U.S."]),
    ],
)
def test_links_and_mentions_are_whole(text: str, found: list[str]) -> None:
    assert list(words({"text": text}, "en")[0]) == found


def test_a_language_has_rules_of_its_own() -> None:
    """An Italian article is a word; English knows no such articles."""
    assert words({"text": "l'amica di Ann"}, "it")[0] == ("l'", "amica", "di", "Ann")
    assert words({"text": "l'amica di Ann"}, "en")[0] == ("l'amica", "di", "Ann")


def test_a_language_that_spacy_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_language("de")
    with pytest.raises(UserError, match=r"'enn', expected the code .* de, .* en, "):
        check_language("enn")
    with pytest.raises(UserError, match=r"'\.\./en'"):
        words({"text": "a"}, "../en")
    monkeypatch.setitem(sys.modules, "spacy", None)
    check_language("de")  # training goes on without spaCy
    with pytest.raises(UserError, match="pip install spacy"):
        words({"text": "a"}, "sv")
    assert words({"tokens": ["a"]}, "sv")[0] == ("a",)


def test_the_sentences_of_mnre_are_cut_as_they_were(shared: Path) -> None:
    """Joined by blanks; the rule before spaCy's had 73 %."""
    rows = (shared / "data" / "mnre" / "mnre_val.txt").read_text("utf-8").splitlines()
    sentences = {tuple(ast.literal_eval(row)["token"]) for row in rows}
    same = sum(words({"text": " ".join(s)}, "en")[0] == s for s in sentences)
    assert len(sentences) == 931 and same / len(sentences) > 0.985


@pytest.mark.parametrize("part", ["(", "'s", "http://"])
def test_a_text_without_blanks_costs_little(part: str) -> None:
    """The rules take the square of the length of what is between two blanks."""
    start = time.perf_counter()
    runs = ((part * 1000)[: 900 + i] for i in range(20))  # different ones: none is remembered
    for text in (part * 10_000, " ".join(runs)):
        try:
            words({"text": text[:20_000]}, "en")
        except Refused as error:
            assert "blank" in str(error) or "words, expected" in str(error)
    assert time.perf_counter() - start < 10


def test_the_vocabulary_does_not_grow_with_texts() -> None:
    words({"text": "one"}, "en")
    strings = len(_blank("en").vocab.strings)
    for number in range(200):
        words({"text": f"never{number} seen"}, "en")
    assert len(_blank("en").vocab.strings) == strings


@given(st.lists(PIECES, min_size=1, max_size=8).map("".join).filter(str.strip))
@example("https://é@x")
def test_words_lie_where_they_are_said_to(text: str) -> None:
    """And nothing between them is left out but blanks."""
    found, starts, ends = words({"text": text}, "en")
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == list(found)
    assert not any(c.isspace() for word in found for c in word)
    gaps = zip([0, *ends], [*starts, len(text)], strict=True)
    assert not "".join(text[a:b] for a, b in gaps).strip()


def test_a_text_or_tokens_but_not_both() -> None:
    assert words({"tokens": ["a b", "@"]}, "en") == (("a b", "@"), [0, 1], [1, 2])
    for post in ({}, {"text": "a", "tokens": ["a"]}, {"text": " "}):
        with pytest.raises(Refused):
            words(post, "en")


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
