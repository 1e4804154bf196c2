"""The expected calibration error by its definition, bin by bin; temperatures by known ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.reporting.calibration import expected_error, fit_temperature

CASES = st.lists(
    st.tuples(st.integers(0, 60), st.booleans(), st.integers(0, 5)), min_size=1, max_size=40
)


@given(CASES, st.sampled_from([1, 4, 15]))
def test_it_is_the_mean_gap_of_the_bins(cases: list[tuple[int, bool, int]], bins: int) -> None:
    """Confidences are multiples of 1/64, whose place in a bin fractions decide exactly."""
    expected = Fraction(0)
    for b in range(bins):
        low, high = Fraction(b, bins), Fraction(b + 1, bins)
        inside = [c for c in cases if low < Fraction(c[0], 64) <= high or (b == 0 and c[0] == 0)]
        weight = sum(w for _, _, w in inside)
        if weight:
            confidence = sum(Fraction(c, 64) * w for c, _, w in inside) / weight
            accuracy = Fraction(sum(w for _, right, w in inside if right), weight)
            expected += abs(confidence - accuracy) * weight
    total = sum(w for _, _, w in cases)
    found = expected_error(
        np.array([c / 64 for c, _, _ in cases]),
        np.array([right for _, right, _ in cases]),
        np.array([w for _, _, w in cases], float),
        bins,
    )
    assert found == pytest.approx(float(expected / total) if total else 0.0, abs=1e-12)


def test_decisions_count_alike_without_weights() -> None:
    confidence = np.array([0.9, 0.9, 0.2], np.float32)
    right = np.array([True, False, False])
    assert expected_error(confidence, right) == pytest.approx((2 * 0.4 + 0.2) / 3, abs=1e-6)
    assert expected_error(confidence, right, np.array([0.0, 1, 0])) == pytest.approx(0.9, abs=1e-6)


def test_nothing_has_no_error() -> None:
    assert expected_error(np.zeros(0), np.zeros(0, bool)) == 0.0


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_probability(value: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        expected_error(np.array([0.5, value]), np.array([True, True]))


def test_the_temperature_that_logits_were_drawn_with_is_found() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 4)) * 3
    labels = (logits / 2.5 + random.gumbel(size=logits.shape)).argmax(1)
    found = fit_temperature(logits, labels, np.ones(len(labels)))
    assert found == pytest.approx(2.5, rel=0.05)
    twice = fit_temperature(2 * logits, labels, np.ones(len(labels)))
    assert twice == pytest.approx(2 * found, rel=1e-3)


def test_rows_count_by_their_weight() -> None:
    logits, labels = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), np.array([0, 0, 1])
    heavy = fit_temperature(logits, labels, np.array([1.0, 1.0, 1.0]))
    assert heavy == pytest.approx(2 / np.log(2), rel=1e-3)  # where the probability is two thirds
    doubled = fit_temperature(logits[[0, 2]], labels[[0, 2]], np.array([2.0, 1.0]))
    assert doubled == pytest.approx(heavy, rel=1e-4)
