"""Numbers of a `results.json` by name, as sweeps and comparisons ask for them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from remote_jax.errors import UserError, nearest

LARGEST = 2.0**1023
"""Above this a whole number of a file is no float."""

SHOWN = 40
"""Most names that an error lists."""


def finite(value: Any) -> bool:
    """Whether it is a number, neither infinite nor NaN nor too large for a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -LARGEST < value < LARGEST


def leaves(results: Mapping[str, Any]) -> dict[str, Any]:
    """Every value that is no object, by the keys that lead to it, joined by dots and sorted."""
    found: dict[str, Any] = {}
    # No recursion: a file of strangers may nest as deep as its reader allows.
    todo = list(results.items())
    while todo:
        name, value = todo.pop()
        if isinstance(value, Mapping):
            todo += [(f"{name}.{key}", inner) for key, inner in value.items()]
        else:
            found[name] = value
    return dict(sorted(found.items()))


def scores(results: Mapping[str, Any]) -> dict[str, float]:
    """Scores of the split that a run reports last."""
    return _of_last(results.get("metrics"))


def named(results: Mapping[str, Any]) -> dict[str, float]:
    """Every number by each name it can be asked for by.

    Scores and gauges of the split that a run reports last have short names, as `mrr` and
    `router/entropy`, and come first. Everything has its dotted one, as `metrics.validation.mrr` or
    `peak_memory_bytes.host`.
    """
    dotted = {name: float(x) for name, x in leaves(results).items() if finite(x)}
    short = {**_of_last(results.get("gauges")), **scores(results)}
    return {**scores(results), **short, **dotted, **short}


def _of_last(by_split: Any) -> dict[str, float]:
    last = list(by_split.values())[-1:] if isinstance(by_split, Mapping) else []
    if not last or not isinstance(last[0], Mapping):
        return {}
    return {name: float(value) for name, value in last[0].items() if finite(value)}


def unknown(name: str, known: Sequence[str], where: str) -> UserError:
    """The error of a name that no number has.

    Args:
        known: those that there are, the likeliest to be meant first.
        where: they are.
    """
    more = f", ... ({len(known) - SHOWN:,} more)" if len(known) > SHOWN else ""
    return UserError(
        f"There is no number {name!r} in {where}{nearest(name, known)}; there are "
        f"{', '.join(known[:SHOWN])}{more}."
    )


NO_SHARES = ("temperature", "mr")
"""Scores that are no shares, whatever their values."""


def is_share(name: str, values: Sequence[float], short: bool) -> bool:
    """Whether a score is shown in percent: it is in [0, 1] wherever it was measured, and a share.

    Args:
        short: whether the name is one of a score.
    """
    if not (short or name.startswith("metrics.")) or name.rpartition(".")[2] in NO_SHARES:
        return False
    return all(0 <= value <= 1 for value in values)


def as_text(values: Sequence[float], scale: float = 1.0) -> str:
    """`mean ± deviation` of a sample, the mean alone where there is one value, "" without any.

    Args:
        scale: what values are multiplied by. Percents have two decimals; other means have four
            digits and more, no decimal from 1,000 on.
    """
    if not values:
        return ""
    mean, spread = mean_and_deviation([scale * value for value in values])
    whole = len(f"{abs(mean):.0f}")
    decimals = 2 if scale != 1 else 4 if abs(mean) < 1 else max(4 - whole, 0)
    text = f"{mean:,.{decimals}f}"
    return text if len(values) == 1 else f"{text} ± {spread:,.{decimals}f}"


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and the standard deviation of a sample; 0 of one value."""
    mean = math.fsum(value / len(values) for value in values)  # whose sum may be too large
    return mean, statistics.stdev(values) if len(values) > 1 else 0.0
