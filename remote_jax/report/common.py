"""What the reports of all systems have: scores, curves, calibration, time and memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from remote_jax.report.charts import Lines, Series
from remote_jax.report.data import left_out
from remote_jax.report.finished import Finished
from remote_jax.report.intervals import of_scores
from remote_jax.report.view import Section, View
from remote_jax.reporting.calibration import BINS, bin_of, expected_error
from remote_jax.reporting.results import Table


def summary(run: Finished, view: View) -> Section:
    """Scores with their intervals, collapsed mechanisms, and what the data lacked.

    Raises:
        UserError: predictions do not have the scores of the run.
    """
    splits = list(run.results["metrics"])
    names = list(dict.fromkeys(name for one in splits for name in run.results["metrics"][one]))
    rows = []
    intervals = of_scores(run.scores, view.measured)
    for name in names:
        values = [run.results["metrics"][split].get(name) for split in splits]
        low, high = intervals.get(name, (None, None))
        rows.append((name, *values, low, high))
    columns = ("score", *splits, "95 % from", "to")
    notes = [
        f"Intervals are of {run.split}: the middle 95 % of 999 draws of its {view.unit}.",
        *run.results.get("collapsed", []),
        *left_out(run.results),
    ]
    return Section("Scores", notes, [Table("", columns, rows)])


def training(run: Finished, metric: str) -> Section:
    """How the loss fell and the score rose, and what the mechanisms did meanwhile."""
    curves = [("train", "loss", "Loss"), ("validation", metric, f"Validation, {metric}")]
    charts = []
    for split, key, title in curves:
        steps, values = run.logged(split, key)
        if steps:
            series = (Series(key, steps, values),)
            charts.append(Lines(f"{split}-{key}", title, "step", key, series))
    return Section("Training", charts=[*charts, *_gauges(run)], tables=[facts(run)])


def _gauges(run: Finished) -> list[Lines]:
    """A chart for each mechanism that has gauges at two validations and more."""
    names = {key for row in run.log if row.get("split") == "gauges" for key in row}
    groups: dict[str, list[str]] = {}
    for name in sorted(names - {"step", "split", "time", "epoch"}):
        groups.setdefault(name.rpartition("/")[0], []).append(name)
    charts = []
    for group, members in groups.items():
        series = [Series(n.rpartition("/")[2], *run.logged("gauges", n)) for n in members]
        if group and max(len(one.x) for one in series) > 1:
            name = "gauges-" + group.replace("/", "-")
            charts.append(Lines(name, f"Gauges of {group}", "step", "", tuple(series)))
    return charts


def facts(run: Finished) -> Table:
    """What it took: data, parameters, steps, time, memory, machine, version."""
    results = run.results
    rows: list[tuple[str, object]] = [
        ("data", str(results["data"])),
        ("seed", results["seed"]),
        ("steps", results["steps"]),
        ("best step", results["best_step"]),
        ("skipped steps", results["skipped_steps"]),
        ("parameters", f"{results['parameters']:,}"),
        ("seconds of training", f"{results['seconds']:.0f}"),
        ("seconds that a step waited for data", f"{results['data_wait_seconds']:.1f}"),
        *(
            (f"peak memory, {where}", f"{count / 1e9:.2f} GB")
            for where, count in results["peak_memory_bytes"].items()
        ),
        ("devices", f"{results['devices']} × {results['device']}"),
        ("version", results["code"]),
    ]
    return Table("The run", ("", ""), [(name, str(value)) for name, value in rows])


def calibration(
    confidence: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"], what: str
) -> Section:
    """Whether what is believed to so many percent is right so often (Guo et al. 2017, Figure 1).

    Args:
        confidence: of each decision.
        what: decisions are, as "relations".
    """
    place = bin_of(confidence)
    counts = np.bincount(place, minlength=BINS)
    filled = counts > 0
    believed, hits = (
        np.bincount(place, x, minlength=BINS)[filled] / counts[filled] for x in (confidence, right)
    )
    title = f"Calibration of {what}: expected error {expected_error(confidence, right):.4f}"
    series = (Series("right", believed.tolist(), hits.tolist()),)
    chart = Lines("calibration", title, "confidence", "share that is right", series, diagonal=True)
    return Section("Calibration", charts=[chart])


def details(tables: Sequence[Table]) -> Section:
    """The tables that are printed when a run ends."""
    return Section("Scores in detail", tables=tables)
