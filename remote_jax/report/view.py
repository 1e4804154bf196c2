"""What a page is made of: sections of tables and charts, and a browser of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from remote_jax.report.charts import Chart
from remote_jax.report.intervals import Measured
from remote_jax.reporting.results import Table

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture."""

Mark = tuple[int, int, str]
"""Words [start, end) that have a colour, and which: `head` or `tail`."""


@dataclass(frozen=True)
class Section:
    """A part of the page under a title of its own."""

    title: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()


@dataclass(frozen=True)
class Column:
    """A column of the browser.

    Attributes:
        values: one a prediction.
        choices: whether a list of its values filters rows.
    """

    name: str
    values: Sequence[str | float | None]
    choices: bool = False


@dataclass(frozen=True)
class Post:
    """What predictions are about, shown when one of them is chosen.

    Attributes:
        words: of the sentence.
        picture: a data URL, or "".
        boxes: of the objects of the picture.
        lines: what else is said of it.
    """

    words: Sequence[str] = ()
    picture: str = ""
    boxes: Sequence[Box] = ()
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Weights:
    """How much each of some parts of the model counts for a prediction.

    Attributes:
        title: of the chart.
        names: of the parts.
        values: of each prediction, a weight a part, or nothing.
    """

    title: str
    names: Sequence[str]
    values: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Overlay:
    """Parts of a post's picture, and how much each counts.

    Attributes:
        title: of all overlays that are parts of one, as the levels of an encoder are.
        name: of this one among them.
        cells: weights by place; cells in the same place are added.
    """

    title: str
    name: str
    cells: Sequence[tuple[Box, float]]


@dataclass(frozen=True)
class Explained:
    """What the model made of a prediction, from its checkpoint.

    Attributes:
        charts: to be chosen from. Those of one prediction that have names are written as files.
        tables: shown above them.
        overlays: over the picture, to be chosen from.
    """

    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    overlays: Sequence[Overlay] = ()


@dataclass(frozen=True)
class Browser:
    """Every prediction, to be filtered and looked at.

    Attributes:
        columns: of the table.
        right: which predictions are right.
        confidence: how sure the model is of each; None where it says nothing of it.
        posts: what predictions are about.
        post: of each prediction, its number.
        marks: of each prediction, words of its post.
        objects: of each prediction, numbers of boxes of its post.
        weights: charts of weights that a prediction has; of some it may have none.
        explained: what the model made of some predictions.
        explanation: of each prediction, its number in `explained`, or -1.
    """

    columns: Sequence[Column]
    right: Sequence[bool]
    confidence: Sequence[float | None] | None
    posts: Sequence[Post]
    post: Sequence[int]
    marks: Sequence[Sequence[Mark]] = field(default_factory=list)
    objects: Sequence[Sequence[int]] = field(default_factory=list)
    weights: Sequence[Weights] = ()
    explained: Sequence[Explained] = ()
    explanation: Sequence[int] = ()


@dataclass(frozen=True)
class View:
    """What a system has to show of a run.

    Attributes:
        metric: the score that chose the checkpoint.
        measured: scores of the final split by name, as statistics of counts of units.
        unit: what is drawn anew for their intervals, as "posts".
        asked: names of the parts of what is asked.
        decisions: whether it is right, by these parts.
        sections: those that other systems do not have.
        browser: of the predictions.
    """

    metric: str
    measured: Mapping[str, Measured]
    unit: str
    asked: Sequence[str]
    decisions: Mapping[tuple[str, ...], bool]
    sections: Sequence[Section]
    browser: Browser
