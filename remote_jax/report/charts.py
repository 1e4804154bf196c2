"""What a chart shows; `page/interactive.py` draws it for the page, `drawings.py` into files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """

    name: str
    title: str
    x: str
    y: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float]]
    shares: bool = False
    filters: tuple[str, str] | None = None

    @property
    def colours(self) -> list[list[float]]:
        """What the colour of each cell stands for."""
        if not self.shares:
            return [list(row) for row in self.values]
        return [[value / max(sum(row), 1) for value in row] for row in self.values]


Chart = Lines | Bars | Matrix
