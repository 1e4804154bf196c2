"""Scores against a count by hand, pair by pair."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.remote import metrics

labels = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(labels)
def test_micro_counts_every_pair_by_hand(pairs):
    gold, predicted = (np.array(x) for x in zip(*pairs, strict=True))
    hits = sum(1 for g, p in pairs if g == p != 0)
    claimed = sum(1 for _, p in pairs if p != 0)
    named = sum(1 for g, _ in pairs if g != 0)
    score = metrics.micro(gold, predicted)
    assert score.support == named
    assert score.precision == (hits / claimed if claimed else 0.0)
    assert score.recall == (hits / named if named else 0.0)
    if hits:
        assert np.isclose(score.f1, 2 / (1 / score.precision + 1 / score.recall))
    else:
        assert score.f1 == 0.0


@given(labels)
def test_one_relation_is_micro_of_a_yes_or_no_question(pairs):
    gold, predicted = (np.array(x) for x in zip(*pairs, strict=True))
    alone = metrics.micro(gold, predicted, relation=2)
    asked = metrics.micro((gold == 2).astype(int), (predicted == 2).astype(int))
    assert alone == asked


def test_no_relation_guessed_everywhere_scores_zero_but_is_accurate():
    gold = np.array([0, 0, 0, 1])
    result = metrics.summary(gold, np.zeros(4, int), np.array([0, 0, 1, 2]))
    assert result["f1"] == 0.0
    assert result["accuracy"] == 0.75
    assert {"f1_ee", "f1_oo", "f1_eo"} <= result.keys()
