"""Charts for the page, as Plotly takes them.

They are plain dicts: objects of Plotly's own take a tenth of a second each, and a page may have
thousands of charts. `template` is what all of them share.
"""

from __future__ import annotations

import base64
from functools import singledispatch
from typing import Any

import numpy as np
import plotly.io
from jaxtyping import Float

from remote_jax.report.charts import (
    COLOURS,
    STRAIGHT,
    Bars,
    Chart,
    Lines,
    Link,
    Matrix,
    Network,
    Points,
    Series,
    path,
)

ROW = 22
"""Pixels of a row of bars."""

SCALE = [[0, "#f7fbff"], [0.5, "#6baed6"], [1, "#08306b"]]
"""From low to high; the script's own scales run the other way round than those of its Python."""

Figure = dict[str, Any]


def template() -> dict[str, Any]:
    """How all charts look; the page adds it to each."""
    found: dict[str, Any] = plotly.io.templates["plotly_white"].to_plotly_json()
    return found


def specification(chart: Chart) -> Figure:
    """What `Plotly.newPlot` takes, as JSON values: `data`, and `layout` but for its template."""
    figure = _figure(chart)
    figure["layout"] |= {
        "title": {"text": _plain(chart.title), "x": 0.02},
        "margin": {"l": 60, "r": 20, "t": 50, "b": 50},
    }
    return figure


@singledispatch
def _figure(chart: Chart) -> Figure:
    raise TypeError(type(chart).__name__)


@_figure.register
def _lines(chart: Lines) -> Figure:
    curves: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": list(one.x),
            "y": list(one.y),
            "name": _plain(one.name),
            "mode": "lines+markers",
            **_deviation("error_y", one),
        }
        for one in chart.series
    ]
    if chart.diagonal:
        dashed = {"dash": "dot", "color": "#94a3b8"}
        line = {"type": "scatter", "mode": "lines", "line": dashed}
        curves.append({**line, "x": [0, 1], "y": [0, 1], "name": "exact"})
    layout = {**_axes(chart), "height": 360}
    layout["xaxis"]["type"] = "log" if chart.logarithmic else "-"
    return {"data": curves, "layout": layout}


@_figure.register
def _bars(chart: Bars) -> Figure:
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "x": list(one.y),
            "y": [*map(_plain, map(str, one.x))],
            "name": _plain(one.name),
            **_deviation("error_x", one),
        }
        for one in chart.series
    ]
    rows = sum(len(one.x) for one in chart.series)
    layout = {
        "xaxis": {"title": {"text": _plain(chart.x)}},
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
        "height": 140 + ROW * rows,
        "barmode": "group",
    }
    return {"data": bars, "layout": layout}


@_figure.register
def _points(chart: Points) -> Figure:
    clouds = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": _array(np.asarray(one.x)),
            "y": _array(np.asarray(one.y)),
            "text": [*map(_plain, one.names)],
            "name": _plain(one.name),
            "marker": {"size": 4},
            "hovertemplate": "%{text}<extra></extra>",
        }
        for one in chart.clouds
    ]
    return {"data": clouds, "layout": {**_axes(chart), "height": 560, "hovermode": "closest"}}


def _axes(chart: Lines | Points) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": _plain(chart.x)}},
        "yaxis": {"title": {"text": _plain(chart.y)}},
    }


@_figure.register
def _network(chart: Network) -> Figure:
    traces = [_link(chart, link) for link in chart.links]
    places = [-1.0, 2.0, *(x for trace in traces for x in trace["x"])]
    for side, beside in (("left", "middle left"), ("right", "middle right")):
        nodes = [node for node in chart.nodes if node.side == side]
        traces.append(
            {
                "type": "scatter",
                "x": [node.x for node in nodes],
                "y": [node.y for node in nodes],
                "text": [_plain(node.name) for node in nodes],
                "textposition": beside,
                "mode": "markers+text",
                "marker": {"color": "#1e293b", "size": 5},
                "hoverinfo": "text",
            }
        )
    layout = {
        "xaxis": {"visible": False, "range": [min(places) - 0.3, max(places) + 0.3]},
        "yaxis": {"visible": False},
        "showlegend": False,
        "hovermode": "closest",
        "height": 120 + ROW * len({node.y for node in chart.nodes}),
    }
    return {"data": traces, "layout": layout}


def _link(chart: Network, link: Link) -> dict[str, Any]:
    x, y = path(chart, link)
    told, middle = _plain(link.text), len(x) // 2
    trace = {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "lines",
        "opacity": 0.2 + 0.8 * link.weight,
        "line": {"color": COLOURS[link.kind], "width": 1.5},
        "hoverinfo": "text",
        "hovertext": told,
    }
    if link.kind in STRAIGHT:
        return trace
    return trace | {
        "mode": "lines+text",
        "text": ["" if place != middle else told for place in range(len(x))],
        "textfont": {"size": 9, "color": COLOURS[link.kind]},
    }


@_figure.register
def _matrix(chart: Matrix) -> Figure:
    heat: dict[str, Any] = {
        "type": "heatmap",
        "x": [*map(_plain, chart.columns)],
        "y": [*map(_plain, chart.rows)],
        "z": _array(chart.colours),
        "colorscale": SCALE,
    }
    said = "%{z}"
    if chart.shares:
        heat["customdata"], said = np.asarray(chart.values).tolist(), "%{customdata}"
    if chart.texts:
        heat["text"], said = [[*map(_plain, row)] for row in chart.texts], "%{text}"
    if chart.palette:
        heat |= _palette(list(chart.palette))
    heat["hovertemplate"] = f"%{{y}} → %{{x}}: {said}<extra></extra>"
    category = {"type": "category", "automargin": True}
    layout = {
        "xaxis": {"title": {"text": _plain(chart.x)}, **category},
        "yaxis": {"title": {"text": _plain(chart.y)}, "autorange": "reversed", **category},
        "height": 220 + ROW * len(chart.rows),
    }
    return {"data": [heat], "layout": layout}


def _palette(colours: list[str]) -> dict[str, Any]:
    """A scale of steps: value i has colour i."""
    count = len(colours)
    steps = [[(i + end) / count, colour] for i, colour in enumerate(colours) for end in (0, 1)]
    return {"colorscale": steps, "zmin": -0.5, "zmax": count - 0.5, "showscale": False}


def _array(values: Float[np.ndarray, "..."]) -> dict[str, str]:
    """Numbers as Plotly reads them in a third of the space of their digits."""
    data = base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
    shape = {} if values.ndim == 1 else {"shape": ", ".join(map(str, values.shape))}
    return {"dtype": "f4", "bdata": data, **shape}


def _deviation(key: str, series: Series) -> dict[str, Any]:
    return {} if series.deviation is None else {key: {"array": list(series.deviation)}}


def _plain(text: str) -> str:
    """Text as it is: Plotly reads some tags and links in what it is given."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
