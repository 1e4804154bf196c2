"""Intervals of scores, by drawing what they are of anew (the percentile bootstrap)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import bootstrap

from remote_jax.errors import UserError

LEVEL = 0.95
DRAWS = 999
TOLERANCE = 1e-6
"""Largest difference of a score of `results.json` from what predictions say; above 1 a share."""

Counts = Float[np.ndarray, " units"]
Statistic = Callable[..., np.ndarray]
"""Of columns of counts, along the axis `axis`."""


class Measured(NamedTuple):
    """A score, as a statistic of what each unit adds to some counts."""

    statistic: Statistic
    columns: Sequence[Counts]

    def value(self) -> float:
        """Of all units."""
        return float(self.statistic(*self.columns, axis=-1))


def interval(statistic: Statistic, *columns: Counts) -> tuple[float, float]:
    """Where `LEVEL` of the draws of units, with replacement, have the statistic.

    Args:
        statistic: of the columns, along the axis `axis`.
        columns: what each unit adds, as its hits; they are drawn together.

    Raises:
        ValueError: there is one unit alone.
    """
    drawn = bootstrap(
        columns,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        batch=64,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(drawn.confidence_interval.low), float(drawn.confidence_interval.high)


def f1(hits: Counts, claimed: Counts, related: Counts, axis: int) -> np.ndarray:
    """Micro-averaged F1 of units."""
    return 2 * hits.sum(axis) / np.maximum(claimed.sum(axis) + related.sum(axis), 1)


def share(hits: Counts, of: Counts, axis: int) -> np.ndarray:
    """Σ hits / Σ of: accuracy, precision or recall; 0 of 0 is 0."""
    return hits.sum(axis) / np.maximum(of.sum(axis), 1)


def mean(values: Counts, axis: int) -> np.ndarray:
    """The mean over units."""
    return values.mean(axis)


def check(scores: Mapping[str, float], measured: Mapping[str, Measured]) -> None:
    """Sees that predictions have the scores of `results.json`; what it lacks is not compared.

    Raises:
        UserError: a score differs: the two files are not of the same evaluation.
    """
    for name, one in measured.items():
        value = one.value()
        if abs(scores.get(name, value) - value) > TOLERANCE * max(1.0, abs(value)):
            raise UserError(
                f"results.json says {name} {scores[name]:.6f}, predictions.jsonl {value:.6f}: they "
                "are not of the same evaluation; run --mode=eval."
            )


def of_scores(
    scores: Mapping[str, float], measured: Mapping[str, Measured]
) -> dict[str, tuple[float, float]]:
    """Intervals of scores that can be drawn: those of two units and more.

    Args:
        scores: those of `results.json`.

    Raises:
        UserError: as `check`.
    """
    check(scores, measured)
    return {
        name: interval(one.statistic, *one.columns)
        for name, one in measured.items()
        if len(one.columns[0]) > 1
    }


def difference(first: Sequence[Measured], second: Sequence[Measured]) -> tuple[float, float]:
    """Where 95 % of the draws have the mean of the second scores less that of the first.

    Args:
        first, second: a score of runs, seeds of one setting each, all of the same units: a draw
            takes the same ones for every run (the paired bootstrap). Runs are not drawn: what
            another seed would give is not in the bounds.
    """
    runs = [*first, *second]
    widths = [len(one.columns) for one in runs]

    def statistic(*columns: np.ndarray, axis: int) -> np.ndarray:
        found, start = [], 0
        for one, width in zip(runs, widths, strict=True):
            found.append(one.statistic(*columns[start : start + width], axis=axis))
            start += width
        return np.mean(found[len(first) :], 0) - np.mean(found[: len(first)], 0)

    return interval(statistic, *(column for one in runs for column in one.columns))
