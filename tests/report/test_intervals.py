"""Intervals against a bootstrap written out, and scores against those of `results.json`."""

from __future__ import annotations

import numpy as np
import pytest

from remote_jax.errors import UserError
from remote_jax.report import intervals


def counts(units: int = 200) -> list[np.ndarray]:
    """Hits, claims and what is to be found, of units of different sizes."""
    rng = np.random.default_rng(1)
    related = rng.integers(0, 6, units).astype(float)
    claimed = rng.integers(0, 6, units).astype(float)
    return [np.minimum(rng.integers(0, 6, units), np.minimum(related, claimed)), claimed, related]


def test_an_interval_is_that_of_a_bootstrap_written_out() -> None:
    columns = counts()
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(4000):
        rows = rng.integers(0, 200, 200)
        hits, claimed, related = (column[rows].sum() for column in columns)
        drawn.append(2 * hits / (claimed + related))
    expected = np.percentile(drawn, [2.5, 97.5])
    found = intervals.interval(intervals.f1, *columns)
    width = expected[1] - expected[0]
    np.testing.assert_allclose(found, expected, atol=0.1 * width)
    assert found == intervals.interval(intervals.f1, *columns)  # the same page twice


def test_units_are_drawn_whole() -> None:
    """Pairs of a post that are right or wrong together say less than as many by themselves."""
    right = np.repeat([0.0, 1.0], 25)
    low, high = intervals.interval(intervals.share, right, np.ones(50))
    together = intervals.interval(intervals.share, 10 * right, np.full(50, 10.0))
    assert together == pytest.approx((low, high))


def test_one_unit_has_no_interval() -> None:
    one = intervals.Measured(intervals.mean, [np.array([0.25])])
    assert intervals.of_scores({"mrr": 0.25}, {"mrr": one}) == {}


def test_scores_of_two_evaluations_are_refused() -> None:
    columns = counts()
    right = float(intervals.f1(*columns, axis=-1))
    measured = {"f1": intervals.Measured(intervals.f1, columns)}
    assert intervals.of_scores({"f1": right}, measured).keys() == {"f1"}
    with pytest.raises(UserError, match=r"results.json says f1 0.5\d*, predictions.jsonl 0.\d*"):
        intervals.of_scores({"f1": 0.5}, measured)
