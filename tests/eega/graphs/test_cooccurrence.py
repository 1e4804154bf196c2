"""PMI of words against counting sentences by hand."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.eega.graphs.cooccurrence import LEVELS, MAX_LEVEL, Cooccurrence

words = st.lists(st.sampled_from(["Curry", "curry", "NBA", "the", "won"]), min_size=1, max_size=5)


def by_hand(x, y, sentences):
    """1 + the PMI of two words, rounded up, from the definition."""
    bags = [{word.lower() for word in one} for one in sentences]
    having = [sum(word in bag for bag in bags) for word in (x.lower(), y.lower())]
    both = sum(x.lower() in bag and y.lower() in bag for bag in bags)
    if not both:
        return 1
    pmi = math.log2(both * len(bags) / (having[0] * having[1]))
    return 0 if pmi < 0 else min(math.ceil(pmi), MAX_LEVEL) + 1


@given(st.lists(words, min_size=1, max_size=8), words)
def test_levels_are_those_counted_by_hand(sentences, other):
    counts = Cooccurrence.count(sentences)
    found = counts.levels([*other, "unseen"], counted=False)
    expected = [[by_hand(x, y, sentences) for y in [*other, "unseen"]] for x in [*other, "unseen"]]
    np.testing.assert_array_equal(found, expected)


@given(st.lists(words, min_size=1, max_size=8))
def test_a_counted_sentence_does_not_count_itself(sentences):
    counts = Cooccurrence.count(sentences)
    rest = Cooccurrence.count(sentences[1:])
    found = counts.levels(sentences[0], counted=True)
    np.testing.assert_array_equal(found, rest.levels(sentences[0], counted=False))


def test_levels_are_bounded():
    sentences = [
        ["rare", "pair"],
        ["rare"] * 2,
        *([[f"w{i}"] for i in range(2 ** (MAX_LEVEL + 2))]),
    ]
    found = Cooccurrence.count(sentences).levels(["rare", "pair"], counted=False)
    assert found.max() == LEVELS - 1
