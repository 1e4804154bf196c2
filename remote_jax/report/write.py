"""Writes the report of a run: a page, and its charts as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from remote_jax.errors import UserError
from remote_jax.report import common, data, drawings, finished
from remote_jax.report.explanations import chosen
from remote_jax.report.finished import Finished
from remote_jax.report.page.render import render
from remote_jax.report.systems import eega, remote, roam
from remote_jax.report.view import Browser, View
from remote_jax.reporting.results import write_atomically

VIEWS: dict[str, Callable[[Finished], View]] = {
    "remote": remote.view,
    "eega": eega.view,
    "roam": roam.view,
}


def view_of(run: Finished) -> View:
    """What its system has to show of a run.

    Raises:
        UserError: there is no such system, or a file of the run is not as it was written.
    """
    if run.system not in VIEWS:
        raise UserError(f"{run.folder} is a run of {run.system!r}, expected one of {list(VIEWS)}.")
    return VIEWS[run.system](run)


def write(run: Path, folder: Path, *, explain: int = 0) -> Path:
    """Writes `report.html` and `figures/` into a folder, and gives the path of the page.

    Args:
        explain: predictions of which is shown what the model made of them, at most.

    Raises:
        UserError: the run is not finished, a file of it is not as it was written, or the folder
            cannot be written to; or predictions cannot be explained.
    """
    read = finished.read(run)
    view = chosen.with_explanations(read, view_of, explain) if explain else view_of(read)
    sections = [
        common.summary(read, view),
        common.training(read, view.metric),
        *view.sections,
        data.section(read),
        common.details(read.tables),
    ]
    figures = folder / "figures"
    drawings.write_all(sections, figures)
    write_example(view.browser, figures)
    path = folder / "report.html"
    title = f"{run.resolve().name}: {read.results['data']}"
    write_atomically(path, [render(title, sections, view.browser)])
    return path


def write_example(browser: Browser, figures: Path) -> None:
    """The named charts of one explanation, and its weights over the picture if there are any.

    It is the first of those that have most to show.

    Raises:
        UserError: a file cannot be written.
    """
    examples = [
        (browser.posts[post].picture if browser.explained[number].overlays else "", number)
        for post, number in zip(browser.post, browser.explanation, strict=False)
        if number >= 0
    ]
    if not examples:
        return
    named = [[chart for chart in one.charts if chart.name] for one in browser.explained]
    picture, number = max(examples, key=lambda one: (bool(one[0]), len(named[one[1]])))
    if picture:
        drawings.write_overlays(picture, browser.explained[number].overlays, figures)
    for chart in named[number]:
        drawings.write(chart, figures)
