"""Numbers of results by name, and as text."""

from __future__ import annotations

import pytest

from remote_jax.reporting.numbers import as_text, finite, leaves, named, unknown


def test_a_score_has_its_name_before_all_else() -> None:
    results = {"seconds": 9.0, "metrics": {"test": {"seconds": 0.5}}, "gauges": 3}
    assert named(results) == {"seconds": 0.5, "metrics.test.seconds": 0.5, "gauges": 3.0}
    assert not finite(10**400) and not finite(True) and not finite(float("inf")) and finite(-3)


def test_nesting_of_any_depth_is_read() -> None:
    nested: dict = {"x": 1}
    for _ in range(10**4):
        nested = {"a": nested}
    (name,) = leaves(nested)
    assert name == "a." * 10**4 + "x"


def test_an_error_lists_some_names() -> None:
    said = str(unknown("mr", ["mrr", *(f"config.{n}" for n in range(50))], "results.json"))
    assert "no number 'mr' in results.json (did you mean 'mrr'?); there are mrr, config.0, " in said
    assert said.endswith("config.38, ... (11 more).")


@pytest.mark.parametrize(
    ("values", "scale", "text"),
    [
        ([0.12345], 1, "0.1235"),
        ([0.12345], 100, "12.35"),
        ([1.0604], 1, "1.060"),
        ([178.73], 1, "178.7"),
        ([1234.6], 1, "1,235"),
        ([2e9, 4e9], 1, "3,000,000,000 ± 1,414,213,562"),
        ([], 1, ""),
    ],
)
def test_numbers_as_text(values: list[float], scale: float, text: str) -> None:
    assert as_text(values, scale) == text
