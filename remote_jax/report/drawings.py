"""Charts as files, PNG and PDF, by Matplotlib."""

from __future__ import annotations

from functools import singledispatch
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remote_jax.errors import writing
from remote_jax.report.charts import Bars, Chart, Lines, Matrix

KINDS = ("png", "pdf")
WIDTH, HEIGHT, ROW = 6.4, 4.0, 0.28
"""Inches; `ROW` of a row of bars or of a matrix."""
LONGEST = 60
"""Characters of a name."""


def write(chart: Chart, folder: Path) -> list[Path]:
    """Writes a chart in each of `KINDS`, and gives their paths.

    Raises:
        UserError: a file cannot be written.
    """
    figure = Figure(figsize=_size(chart))
    axes = figure.subplots()
    _draw(chart, axes)
    axes.set_title(_plain(chart.title))
    paths = [folder / f"{chart.name}.{kind}" for kind in KINDS]
    for path in paths:
        with writing(path):
            figure.savefig(path, dpi=150, bbox_inches="tight")
    return paths


def _size(chart: Chart) -> tuple[float, float]:
    if isinstance(chart, Lines):
        return WIDTH, HEIGHT
    if isinstance(chart, Bars):
        return WIDTH, 1.2 + ROW * sum(len(one.x) for one in chart.series)
    return 2.5 + ROW * len(chart.columns) * 1.6, 2.0 + ROW * len(chart.rows)


@singledispatch
def _draw(chart: Chart, axes: Axes) -> None:
    raise TypeError(type(chart).__name__)


@_draw.register
def _lines(chart: Lines, axes: Axes) -> None:
    for one in chart.series:
        axes.errorbar(one.x, one.y, one.deviation, marker=".", capsize=3, label=_plain(one.name))
    if chart.logarithmic:
        axes.set_xscale("log")
    if chart.diagonal:
        axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y))
    if len(chart.series) > 1:
        axes.legend()


@_draw.register
def _bars(chart: Bars, axes: Axes) -> None:
    count = len(chart.series)
    for number, one in enumerate(chart.series):
        places = [row + (number - (count - 1) / 2) * 0.8 / count for row in range(len(one.x))]
        axes.barh(
            places, one.y, height=0.8 / count, xerr=one.deviation, label=_plain(one.name), capsize=3
        )
    names = [_plain(str(name)) for name in chart.series[0].x]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel(_plain(chart.x))
    if count > 1:
        axes.legend()


@_draw.register
def _matrix(chart: Matrix, axes: Axes) -> None:
    shown = axes.imshow(chart.colours, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(chart.columns)), [*map(_plain, chart.columns)], rotation=90)
    axes.set_yticks(range(len(chart.rows)), [*map(_plain, chart.rows)])
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y))
    assert axes.figure is not None
    axes.figure.colorbar(shown, ax=axes)


def _plain(text: str) -> str:
    """Text as it is, cut where it is long: between dollar signs would stand a formula."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return short.replace("$", r"\$")
