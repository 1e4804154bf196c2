"""Answers over all pairs of posts, against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from remote_jax.remote import decisions
from remote_jax.remote.data.further import Pairs
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.decisions import Judged

SYMMETRIC = np.array([False, True, False])
POSTS = 5
BOTH = Orders(np.array([[[9, 3, 3], [9, 3, 3]]] * 3))
FORWARD = Orders(np.array([[[9, 3, 3], [0, 3, 3]]] * 3))


def pairs_of(labels, scales):
    """Each pair forward in the first half, backward in the second."""
    half = len(labels) // 2
    places = np.arange(len(labels))
    return Pairs(
        labels=labels,
        types=np.zeros(len(labels), int),
        backward=places >= half,
        weights=np.ones(len(labels)),
        scales=scales,
        partner=(places + half) % len(labels),
        posts=places % half,
        objects=np.full((len(labels), 2), -1),
        listed=len(labels),
        further=np.zeros(0),
    )


def brute(found, labels, scales, threshold, orders):
    """What is answered and what is to be found, post by post."""
    half, hits, claimed, wanted = len(labels) // 2, 0.0, 0.0, 0.0
    backward = orders.asked[0, 1]
    for one in range(half):
        two, weight = one + half, scales[one]
        wanted += weight * (labels[one] > 0)
        both = labels[one] == labels[two] and SYMMETRIC[labels[one]]
        wanted += weight * (labels[two] > 0 and not both)
        for name in (1, 2):
            way = two if backward and found[two, name] > found[one, name] else one
            if found[way, name] >= threshold:
                claimed += weight
                right = labels[way] == name
                other = one + two - way
                hits += weight * (right or (SYMMETRIC[name] and labels[other] == name))
    return hits, claimed, wanted


PROBABILITIES = arrays(float, (2 * POSTS, 3), elements=st.floats(0.01, 1.0))
LABELS = arrays(int, 2 * POSTS, elements=st.integers(0, 2))


@settings(max_examples=200)
@given(PROBABILITIES, LABELS, st.floats(0.05, 0.9), st.sampled_from([BOTH, FORWARD]))
def test_scores_over_posts(found, labels, threshold, orders):
    scales = np.tile(np.arange(1.0, POSTS + 1), 2)
    pairs = pairs_of(labels, scales)
    score = Judged(found, pairs, orders, SYMMETRIC, scales).score(threshold)
    hits, claimed, wanted = brute(found, labels, scales, threshold, orders)
    assert score.precision == pytest.approx(hits / max(claimed, 1))
    assert score.recall == pytest.approx(hits / max(wanted, 1))


@settings(max_examples=200)
@given(PROBABILITIES, LABELS)
def test_the_threshold_is_that_of_at_least_one_half_with_the_best_f_half(found, labels):
    scales = np.tile(np.arange(1.0, POSTS + 1), 2)
    judged = Judged(found, pairs_of(labels, scales), BOTH, SYMMETRIC, scales)

    def quality(threshold):
        hits, claimed, wanted = brute(found, labels, scales, threshold, BOTH)
        return 1.25 * hits / (claimed + 0.25 * wanted) if hits else 0.0

    likely = found[found >= 0.5]
    best = max((quality(value) for value in np.unique(likely)), default=0.0)
    chosen = judged.threshold()
    assert (chosen >= 0.5 and quality(chosen) == pytest.approx(best)) or (best, chosen) == (0, 0.5)


def test_what_is_not_offered_is_no_candidate_and_leaves_the_rest_as_it_is():
    found = decisions.probabilities(np.array([[1.0, 5.0, 2.0]]), 2.0)
    powers = np.exp([0.5, 2.5, 1.0])
    np.testing.assert_allclose(found, [powers / powers.sum()])
    offered = np.array([[True, False, True]])
    kept = decisions.candidates(found, offered, np.array([-1]), np.array([False]))
    np.testing.assert_allclose(kept, [[0, 0, found[0, 2]]])
