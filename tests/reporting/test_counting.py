"""Counts that statistics of data are made of, against slow and plain ways to count."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.reporting import counting

SPANS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)).map(lambda x: (x[0], sum(x))))


@given(SPANS)
def test_spans_that_cross_or_lie_in_others(spans: list[tuple[int, int]]) -> None:
    pairs = [sorted(pair) for pair in combinations(set(spans), 2)]
    crossing = [(a, b) for a, b in pairs if a[0] < b[0] < a[1] < b[1]]
    inside = [(a, b) for a, b in pairs if (a[0] <= b[0] and b[1] <= a[1]) or b[0] == a[0]]
    assert counting.cross(spans) == bool(crossing)
    assert counting.nested(spans) == bool(inside)


def test_many_spans_take_no_time() -> None:
    spans = [(start, 400_000 - start) for start in range(100_000)]
    assert counting.nested(spans) and not counting.cross(spans)


@given(st.lists(st.integers(0, 50), min_size=1))
def test_percentiles_are_values_that_are_there(values: list[int]) -> None:
    found = counting.percentiles(values)
    for percent, value in zip((50, 90, 99, 100), found, strict=True):
        covered = [
            x
            for x in sorted(set(values))
            if sum(y <= x for y in values) * 100 >= percent * len(values)
        ]
        assert value == covered[0]


def test_nothing_has_no_length() -> None:
    table = counting.lengths("Words", {"train": [3, 9, 4, 5], "test": []}, 4)
    assert table.rows == [
        ("train", 4, 4, 9, 9, 9, 4, 2, 0.5),
        ("test", 0, 0, 0, 0, 0, 4, 0, 0.0),
    ]


def test_what_splits_share() -> None:
    keys = {"train": "aabc", "validation": "cdd", "test": "abd"}
    assert counting.shared("letters", keys) == [
        ("letters", "validation", 2, "train", 1, 0.5),
        ("letters", "test", 3, "train", 2, pytest.approx(2 / 3)),
        ("letters", "test", 3, "validation", 1, pytest.approx(1 / 3)),
    ]


def test_repeated_and_several() -> None:
    assert counting.repeated("abcaab") == 3
    assert counting.several([("a", 1), ("a", 1), ("b", 1), ("b", 2), ("b", 3), ("c", 1)]) == 1


def test_the_most_frequent_comes_first() -> None:
    found = counting.distribution("of-letters", "Letters", "letters", {"a": 1, "b": 3, "c": 1})
    assert (found.kinds, found.counts) == (["b", "a", "c"], [3, 1, 1])
