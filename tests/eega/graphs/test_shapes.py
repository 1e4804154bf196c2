"""Shapes of words: by examples, and against Unicode's categories."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remote_jax.eega.graphs.shapes import SHAPES, Shape, shape_of, shapes

EXAMPLES = {
    Shape.LOWER: ["the", "don't", "é", "ß"],
    Shape.CAPITALISED: ["Paris", "I", "O'clock", "Élysée", "Ǆ", "“Paris"],
    Shape.CAPITALS: ["BBC", "U.S.", "ÉTÉ"],
    Shape.MIXED: ["iPhone", "McCain", "YouTube"],
    Shape.UNCASED: ["東京", "القاهرة"],
    Shape.NUMBER: ["2018", "3:1", "-4", "٣"],
    Shape.CODE: ["4th", "U2", "東京1"],
    Shape.MENTION: ["@BBC", "@", "@1"],
    Shape.LINK: ["https://t.co/x", "HTTP://X", "www.x.org"],
    Shape.HASH: ["#", "#BREAKING", "#2018"],
    Shape.SYMBOLS: ["", ":", "...", "😀", "\u200d"],
}


@pytest.mark.parametrize("shape", Shape)
def test_examples(shape):
    assert {word: shape_of(word) for word in EXAMPLES[shape]} == dict.fromkeys(
        EXAMPLES[shape], shape
    )


@given(st.text(st.characters(exclude_characters="@#"), max_size=6))
@example("ªa")
@example("ǅx")
def test_case_is_that_of_the_letters(word):
    """Titlecase letters (Lt) are capitals; digits make a number or a code."""
    categories = [unicodedata.category(c) for c in word]
    letters = [c for c in categories if c[0] == "L"]
    capital = [c in ("Lu", "Lt") for c in letters]
    found = shape_of(word)
    if word.lower().startswith(("http:", "https:", "www.")):
        assert found == Shape.LINK
        return
    digits = any(c.isdigit() for c in word)
    assert (found == Shape.NUMBER) == (digits and not letters)
    assert (found == Shape.CODE) == (digits and bool(letters))
    assert (found == Shape.SYMBOLS) == (not digits and not letters)
    if letters and not digits:
        assert (found == Shape.CAPITALISED) == (capital[0] and not any(capital[1:]))
        assert (found == Shape.CAPITALS) == (all(capital) and len(letters) > 1)
        assert (found in (Shape.LOWER, Shape.UNCASED)) == (not any(capital))
        if found == Shape.UNCASED:
            assert not any(c.islower() for c in word if c.isalpha())


def test_every_number_is_below_their_count():
    words = [word for some in EXAMPLES.values() for word in some]
    found = shapes(words)
    assert set(found.tolist()) == set(range(1, SHAPES)) and found.shape == (len(words),)
    assert shapes([]).shape == (0,)
