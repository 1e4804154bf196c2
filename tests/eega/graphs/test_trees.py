"""Parses: what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parse_examples import made

from remote_jax.eega.graphs import trees
from remote_jax.errors import Refused


def ends_at_a_root(heads, word):
    for _ in heads:
        if heads[word] == word:
            return True
        word = heads[word]
    return False


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
def test_a_circle_is_refused_and_nothing_else(heads):
    circling = [word for word in range(len(heads)) if not ends_at_a_root(heads, word)]
    if circling:
        with pytest.raises(Refused, match=f"heads of word {circling[0]} go in a circle"):
            trees.check(made(heads), len(heads))
    else:
        parse = made(heads)
        assert trees.check(parse, len(heads)) is parse


@pytest.mark.parametrize(
    ("parse", "reason"),
    [
        (made([0, 0, 0]), "the parse has 3 words, but the sentence has 2"),
        (made([0, 0], pos=("X",)), "the parse has 1 and 2 words, but the sentence has 2"),
        (made([0, 2]), "the head of word 1 is 2, expected 0 to 1"),
        (made([0, -1]), "the head of word 1 is -1"),
    ],
)
def test_a_parse_of_something_else_is_refused(parse, reason):
    with pytest.raises(Refused, match=reason):
        trees.check(parse, 2)
