"""What a chart shows; `page/interactive.py` draws it for the page, `drawings.py` into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

MOST_ROWS = 40
"""Most rows of a chart that has one for each relation."""


@dataclass(frozen=True)
class Series:
    """A line, or the bars of one colour.

    Attributes:
        deviation: of each y, drawn to both of its sides; None where there is none.
    """

    name: str
    x: Sequence[float] | Sequence[str]
    y: Sequence[float]
    deviation: Sequence[float] | None = None


@dataclass(frozen=True)
class Lines:
    """Curves over one axis.

    Attributes:
        name: of its files, without an ending.
        diagonal: whether y = x is drawn too, from 0 to 1.
        logarithmic: whether the axis of x is; then all of them are above 0.
    """

    name: str
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    diagonal: bool = False
    logarithmic: bool = False


@dataclass(frozen=True)
class Bars:
    """Bars from left to right, a row for each name; the x of a series are names."""

    name: str
    title: str
    x: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Matrix:
    """Numbers by row and column, shown by colour.

    Attributes:
        shares: divides each row by its sum for the colour.
        filters: columns of the browser whose values rows and columns are; a click on a cell shows
        the predictions that it counts.
        texts: what each cell says; none where it says its number.
        palette: colours that the values number; none for a scale from low to high.
    """

    name: str
    title: str
    x: str
    y: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]] | Float[np.ndarray, "rows columns"]
    shares: bool = False
    filters: tuple[str, str] | None = None
    texts: Sequence[Sequence[str]] = ()
    palette: Sequence[str] = ()

    @property
    def colours(self) -> Float[np.ndarray, "rows columns"]:
        """What the colour of each cell stands for."""
        values = np.asarray(self.values, np.float32)
        if not self.shares:
            return values
        return values / np.maximum(values.sum(1, keepdims=True), 1)


@dataclass(frozen=True)
class Cloud:
    """Points of one colour, and the name of each."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    names: Sequence[str]


@dataclass(frozen=True)
class Points:
    """Points on a plane."""

    name: str
    title: str
    x: str
    y: str
    clouds: tuple[Cloud, ...]


@dataclass(frozen=True)
class Node:
    """A named place; its name is on its `side`, "left" or "right"."""

    name: str
    x: float
    y: float
    side: str


@dataclass(frozen=True)
class Link:
    """A line between two nodes by their numbers, as strong as its weight, from 0 to 1.

    Lines of `STRAIGHT` kinds are straight, others are bent towards the side of their first node.
    """

    start: int
    end: int
    text: str
    weight: float
    kind: str


@dataclass(frozen=True)
class Network:
    """Nodes and what joins them."""

    name: str
    title: str
    nodes: Sequence[Node]
    links: Sequence[Link]


STRAIGHT = ("joined",)
NAME = 0.3
"""Room for the name of a node."""
COLOURS = {"parse": "#1d4ed8", "scene": "#b45309", "joined": "#15803d"}
"""Of the kinds of links."""


def path(chart: Network, link: Link, points: int = 13) -> tuple[list[float], list[float]]:
    """Points x, y along a link: one that is not straight swings out beyond the names of its nodes,
    as a parabola, by their distance."""
    start, end = chart.nodes[link.start], chart.nodes[link.end]
    along = np.linspace(0.0, 1.0, points)
    x = start.x + (end.x - start.x) * along
    y = start.y + (end.y - start.y) * along
    if link.kind not in STRAIGHT:
        swing = NAME + (0.1 + 0.03 * abs(start.y - end.y)) * 4 * along * (1 - along)
        x = x + (-swing if start.side == "left" else swing)
    return x.tolist(), y.tolist()


Chart = Lines | Bars | Matrix | Points | Network
