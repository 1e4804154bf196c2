"""What settings cost beside what they reach: time, memory and parameters (Figure 4 of ROAM)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from remote_jax.report.charts import Bars, Series
from remote_jax.report.finished import Finished
from remote_jax.reporting.numbers import as_text, finite, mean_and_deviation

Runs = Mapping[str, Sequence[Finished]]
"""Of each setting, by name: runs that differ in their seeds alone."""

GIGABYTE = 1e9


def _memory(where: str) -> Callable[[Finished], float | None]:
    def found(run: Finished) -> float | None:
        peak: float | None = run.results["peak_memory_bytes"].get(where)
        return None if peak is None else peak / GIGABYTE

    return found


COSTS: dict[str, Callable[[Finished], float | None]] = {
    "seconds of training": lambda run: run.results["seconds"],
    "seconds per step": lambda run: run.results["seconds"] / max(run.results["steps"], 1),
    "peak memory of the host (GB)": _memory("host"),
    "peak memory of the device (GB)": _memory("device"),
    "parameters": lambda run: run.results["parameters"],
}
"""What a run may say that it took; None where it says nothing."""


def measured(runs: Runs, metric: str) -> dict[str, dict[str, list[float]]]:
    """Of each cost that a run has, and last of the main score, the numbers of each setting.

    Args:
        metric: the score that chose the checkpoint.
    """
    kinds = {**COSTS, metric: lambda run: run.scores.get(metric)}
    found = {
        what: {
            name: [number for run in some if finite(number := of_run(run))]
            for name, some in runs.items()
        }
        for what, of_run in kinds.items()
    }
    return {what: numbers for what, numbers in found.items() if any(numbers.values())}


def table(runs: Runs, metric: str) -> pd.DataFrame:
    """Mean ± deviation over seeds; a row a setting, a column a cost.

    Args:
        metric: as that of `measured`.
    """
    found = measured(runs, metric)
    rows = [(name, *(as_text(numbers[name]) for numbers in found.values())) for name in runs]
    return pd.DataFrame(rows, columns=["setting", *found])


def charts(runs: Runs, metric: str) -> list[Bars]:
    """A chart for each column of the table.

    Args:
        metric: as that of `measured`.
    """
    return [
        _chart(what, {name: some for name, some in numbers.items() if some})
        for what, numbers in measured(runs, metric).items()
    ]


def _chart(what: str, numbers: Mapping[str, Sequence[float]]) -> Bars:
    means, deviations = zip(*map(mean_and_deviation, numbers.values()), strict=True)
    shown = deviations if any(deviations) else None
    series = Series("", list(numbers), means, shown)
    name = "-".join(re.findall(r"\w+", what))
    return Bars(f"cost-{name}", f"{what} by setting", what, (series,))
