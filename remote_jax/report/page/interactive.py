"""Charts for the page, by Plotly."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from plotly import graph_objects as go

from remote_jax.report.charts import Bars, Chart, Lines, Matrix, Series

ROW = 22
"""Pixels of a row of bars."""


def specification(chart: Chart) -> dict[str, Any]:
    """What `Plotly.newPlot` takes, as JSON values."""
    figure = _figure(chart)
    figure.update_layout(
        title={"text": _plain(chart.title), "x": 0.02},
        template="plotly_white",
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
    )
    found: dict[str, Any] = figure.to_plotly_json()
    return found


@singledispatch
def _figure(chart: Chart) -> go.Figure:
    raise TypeError(type(chart).__name__)


@_figure.register
def _lines(chart: Lines) -> go.Figure:
    curves = [
        go.Scatter(
            x=list(one.x),
            y=list(one.y),
            error_y=_deviation(one),
            name=_plain(one.name),
            mode="lines+markers",
        )
        for one in chart.series
    ]
    if chart.diagonal:
        dashed = {"dash": "dot", "color": "#94a3b8"}
        curves.append(go.Scatter(x=[0, 1], y=[0, 1], name="exact", mode="lines", line=dashed))
    figure = go.Figure(curves)
    return figure.update_layout(
        xaxis={"title": _plain(chart.x), "type": "log" if chart.logarithmic else "-"},
        yaxis_title=_plain(chart.y),
        height=360,
    )


@_figure.register
def _bars(chart: Bars) -> go.Figure:
    bars = [
        go.Bar(
            x=list(one.y),
            y=[*map(_plain, map(str, one.x))],
            error_x=_deviation(one),
            name=_plain(one.name),
            orientation="h",
        )
        for one in chart.series
    ]
    rows = sum(len(one.x) for one in chart.series)
    figure = go.Figure(bars)
    return figure.update_layout(
        xaxis_title=_plain(chart.x),
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        height=140 + ROW * rows,
        barmode="group",
    )


@_figure.register
def _matrix(chart: Matrix) -> go.Figure:
    heat = go.Heatmap(
        x=[*map(_plain, chart.columns)],
        y=[*map(_plain, chart.rows)],
        z=chart.colours,
        customdata=[list(row) for row in chart.values],
        colorscale="Blues",
        hovertemplate="%{y} → %{x}: %{customdata}<extra></extra>",
    )
    figure = go.Figure([heat])
    return figure.update_layout(
        xaxis={"title": _plain(chart.x), "type": "category", "automargin": True},
        yaxis={
            "title": _plain(chart.y),
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
        },
        height=220 + ROW * len(chart.rows),
    )


def _deviation(series: Series) -> dict[str, Any] | None:
    return None if series.deviation is None else {"array": list(series.deviation)}


def _plain(text: str) -> str:
    """Text as it is: Plotly reads some tags and links in what it is given."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
