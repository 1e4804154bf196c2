"""Temperature and calibration error, against brute force and against data that are calibrated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.reporting.calibration import expected_error, fit_temperature


def test_the_temperature_that_logits_were_drawn_with_is_found():
    random = np.random.default_rng(0)
    logits = random.normal(size=(20_000, 4)) * 3
    labels = (logits / 2.5 + random.gumbel(size=logits.shape)).argmax(1)
    found = fit_temperature(logits, labels, np.ones(len(labels)))
    assert found == pytest.approx(2.5, rel=0.05)
    twice = fit_temperature(2 * logits, labels, np.ones(len(labels)))
    assert twice == pytest.approx(2 * found, rel=1e-3)


def test_rows_count_by_their_weight():
    logits, labels = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), np.array([0, 0, 1])
    heavy = fit_temperature(logits, labels, np.array([1.0, 1.0, 1.0]))
    assert heavy == pytest.approx(2 / np.log(2), rel=1e-3)  # where the probability is two thirds
    doubled = fit_temperature(logits[[0, 2]], labels[[0, 2]], np.array([2.0, 1.0]))
    assert doubled == pytest.approx(heavy, rel=1e-4)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 3)), min_size=1, max_size=30)
)
def test_expected_error_is_that_of_its_definition(answers):
    confidence, right, weights = map(np.array, zip(*answers, strict=True))
    total = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = (confidence > low) & (confidence <= high) | ((number == 0) & (confidence == 0))
        if inside.any():
            share = weights[inside] / weights[inside].sum()
            gap = abs((share * confidence[inside]).sum() - (share * right[inside]).sum())
            total += weights[inside].sum() / weights.sum() * gap
    # A value on the border of two bins may fall into either by rounding.
    on_border = np.isclose(confidence * 15, np.round(confidence * 15)).any()
    assert on_border or expected_error(confidence, right, weights) == pytest.approx(total)


def test_of_no_answers_it_is_zero():
    assert expected_error(np.zeros(0), np.zeros(0, bool)) == 0.0
