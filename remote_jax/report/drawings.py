"""Charts as files, PNG and PDF, by Matplotlib."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from functools import singledispatch
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from remote_jax.errors import writing
from remote_jax.report.charts import (
    COLOURS,
    STRAIGHT,
    Bars,
    Chart,
    Lines,
    Matrix,
    Network,
    Points,
    path,
)
from remote_jax.report.view import Box, Overlay, Section

KINDS = ("png", "pdf")
WIDTH, HEIGHT, ROW = 6.4, 4.0, 0.28
"""Inches; `ROW` of a row of bars or of a matrix."""
LARGEST, NAMED = 40, 80
"""Most inches of a side, and rows or columns of a matrix that are named."""
LONGEST = 60
"""Characters of a name."""


def write_all(sections: Iterable[Section], folder: Path) -> None:
    """Writes the charts of a page's sections into a folder, which is made.

    Raises:
        UserError: a file cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for chart in section.charts:
            write(chart, folder)


def write(chart: Chart, folder: Path) -> list[Path]:
    """Writes a chart in each of `KINDS`, and gives their paths.

    Raises:
        UserError: a file cannot be written.
    """
    figure = Figure(figsize=_size(chart))
    axes = figure.subplots()
    _draw(chart, axes)
    axes.set_title(_plain(chart.title))
    return _save(figure, folder, chart.name)


def write_overlays(picture: str, overlays: Sequence[Overlay], folder: Path) -> None:
    """Writes weights over a picture, a row for each title (REMOTE, Figure 4).

    Args:
        picture: a data URL.

    Raises:
        UserError: a file cannot be written.
    """
    with Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    titles = list(dict.fromkeys(one.title for one in overlays))
    rows = [[one for one in overlays if one.title == title] for title in titles]
    count = max(map(len, rows))
    figure = Figure(figsize=(2.2 * count, 2.0 * len(rows)))
    for axes, one in zip(
        figure.subplots(len(rows), count, squeeze=False).flat,
        [one for row in rows for one in row],
        strict=True,
    ):
        _overlay(axes, pixels, one)
    _save(figure, folder, "attention-over-levels")


def _overlay(axes: Axes, pixels: np.ndarray, one: Overlay) -> None:
    axes.imshow(pixels)
    axes.set_axis_off()
    axes.set_title(f"{one.title}\n{one.name}", fontsize=5)
    height, width = pixels.shape[:2]
    weights: dict[Box, float] = {}
    for box, weight in one.cells:
        weights[box] = weights.get(box, 0.0) + weight
    most = max(weights.values())
    for (left, top, right, bottom), weight in weights.items():
        size = (right - left) * width, (bottom - top) * height
        place = left * width, top * height
        axes.add_patch(Rectangle(place, *size, color="red", alpha=0.75 * weight / max(most, 1e-12)))


def _save(figure: Figure, folder: Path, name: str) -> list[Path]:
    paths = [folder / f"{name}.{kind}" for kind in KINDS]
    for path_ in paths:
        with writing(path_):
            figure.savefig(path_, dpi=150, bbox_inches="tight")
    return paths


def _size(chart: Chart) -> tuple[float, float]:
    if isinstance(chart, Lines | Points):
        return WIDTH, HEIGHT
    if isinstance(chart, Network):
        return WIDTH, 1.0 + ROW * len({node.y for node in chart.nodes})
    if isinstance(chart, Bars):
        return WIDTH, 1.2 + ROW * sum(len(one.x) for one in chart.series)
    width, height = 2.5 + ROW * len(chart.columns) * 1.6, 2.0 + ROW * len(chart.rows)
    return min(width, LARGEST), min(height, LARGEST)


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
def _points(chart: Points, axes: Axes) -> None:
    for one in chart.clouds:
        axes.scatter(one.x, one.y, s=6, label=_plain(one.name))
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y))
    if len(chart.clouds) > 1:
        axes.legend()


@_draw.register
def _network(chart: Network, axes: Axes) -> None:
    axes.set_axis_off()
    for link in chart.links:
        x, y = path(chart, link)
        axes.plot(x, y, color=COLOURS[link.kind], alpha=0.2 + 0.8 * link.weight, linewidth=1)
        middle = len(x) // 2
        if link.kind not in STRAIGHT:
            axes.text(x[middle], y[middle], _plain(link.text), fontsize=6, color=COLOURS[link.kind])
    for node in chart.nodes:
        side = "right" if node.side == "left" else "left"
        axes.text(node.x, node.y, _plain(node.name), ha=side, va="center", fontsize=9)


@_draw.register
def _matrix(chart: Matrix, axes: Axes) -> None:
    if chart.palette:
        scale = ListedColormap(chart.palette)
        axes.imshow(chart.colours, cmap=scale, vmin=-0.5, vmax=len(chart.palette) - 0.5)
    else:
        shown = axes.imshow(chart.colours, cmap="Blues", aspect="auto")
        assert axes.figure is not None
        axes.figure.colorbar(shown, ax=axes)
    if len(chart.columns) <= NAMED:
        axes.set_xticks(range(len(chart.columns)), [*map(_plain, chart.columns)], rotation=90)
    if len(chart.rows) <= NAMED:
        axes.set_yticks(range(len(chart.rows)), [*map(_plain, chart.rows)])
    axes.set(xlabel=_plain(chart.x), ylabel=_plain(chart.y))


def _plain(text: str) -> str:
    """Text as it is, cut where it is long: between dollar signs would stand a formula."""
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return short.replace("$", r"\$")
