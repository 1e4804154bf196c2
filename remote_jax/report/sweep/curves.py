"""Curves over the keys that a sweep varies: mean and deviation over seeds, a point a value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from remote_jax.report.charts import Lines, Series
from remote_jax.report.sweep.plan import Run
from remote_jax.report.sweep.scores import Scores
from remote_jax.reporting.numbers import finite, leaves, mean_and_deviation

DECADES = 2.0
"""Values that span as many have a logarithmic axis."""

LONGEST = 80
"""Characters of the name of a file."""

Config = Mapping[str, Any]
"""Leaves by dotted key, without the seed."""

Values = dict[float, dict[int, Run]]
"""Of the value of a key and a seed, the run."""


def charts(found: Scores) -> dict[str, list[Lines]]:
    """For each key with numbers for values, a chart of each metric over it.

    A curve joins runs that differ in that key and their seed alone. Where other keys differ too,
    there is a curve for each of their values with two points and more.
    """
    settings = {run: _config(results) for run, results in found.results.items()}
    keys = list(dict.fromkeys(key for config in settings.values() for key in config))
    differing = [k for k in keys if len({_text(c.get(k)) for c in settings.values()}) > 1]
    drawn: dict[str, list[Lines]] = {}
    for key in differing:
        others = [other for other in differing if other != key]
        curves = _curves(settings, key, others)
        of_key = [
            chart for metric in found.metrics if (chart := _chart(found, key, metric, curves))
        ]
        if of_key:
            drawn[key] = of_key
    return drawn


def _config(results: Mapping[str, Any]) -> Config:
    config = results.get("config")
    found = leaves(config) if isinstance(config, dict) else {}
    return {key: value for key, value in found.items() if key != "seed"}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _curves(settings: Mapping[Run, Config], key: str, others: list[str]) -> dict[str, Values]:
    """Of what the other keys are, the runs by value of the key; two values and more."""
    curves: dict[str, Values] = {}
    for run, config in settings.items():
        if finite(config.get(key)):
            rest = ", ".join(f"{other}={_shown(config.get(other))}" for other in others)
            curves.setdefault(rest, {}).setdefault(float(config[key]), {})[run.seed] = run
    return {rest: values for rest, values in curves.items() if len(values) > 1}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def _chart(found: Scores, key: str, metric: str, curves: Mapping[str, Values]) -> Lines | None:
    """None where no curve has two points."""
    series = [
        one for rest, values in curves.items() if (one := _series(found, metric, rest, values))
    ]
    if not series:
        return None
    every = [float(x) for one in series for x in one.x]
    title = found.title(metric)
    return Lines(
        name=re.sub(r"[^\w@.]+", "-", f"{key}-{metric}", flags=re.ASCII)[:LONGEST],
        title=f"{title} over {key}",
        x=key,
        y=title,
        series=tuple(series),
        logarithmic=_spans_decades(every),
    )


def _series(found: Scores, metric: str, rest: str, values: Values) -> Series | None:
    scale = found.scale(metric)
    points = []
    for value in sorted(values):
        numbers = [found.numbers[run] for run in values[value].values()]
        measured = [scale * one[metric] for one in numbers if metric in one]
        if measured:
            points.append((value, *mean_and_deviation(measured)))
    if len(points) < 2:
        return None
    x, y, deviation = zip(*points, strict=True)
    return Series(rest or metric, x, y, deviation if any(deviation) else None)


def _spans_decades(values: list[float]) -> bool:
    return min(values) > 0 and math.log10(max(values) / min(values)) >= DECADES - 1e-9
