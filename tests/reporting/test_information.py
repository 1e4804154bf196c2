"""Entropy by hand, and mutual information of the joint distribution, cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from remote_jax.reporting.information import entropy, information


def test_entropy() -> None:
    found = entropy(np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]))
    expected = [0, np.log(2), -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(
    arrays.arrays(float, (12, 3), elements=st.floats(0.01, 1)),
    arrays.arrays(int, 12, elements=st.integers(0, 3)),
)
def test_information_is_that_of_the_joint_distribution(raw: np.ndarray, labels: np.ndarray) -> None:
    shares = raw / raw.sum(1, keepdims=True)
    joint: dict[tuple[int, int], float] = {}
    for row, label in zip(shares, labels, strict=True):
        for group, share in enumerate(row):
            joint[label, group] = joint.get((label, group), 0.0) + share / len(shares)
    of_label, of_group = ({}, {})
    for (label, group), mass in joint.items():
        of_label[label] = of_label.get(label, 0.0) + mass
        of_group[group] = of_group.get(group, 0.0) + mass
    expected = sum(p * math.log(p / of_label[a] / of_group[b]) for (a, b), p in joint.items())
    assert information(shares, labels) == pytest.approx(expected, abs=1e-9)
