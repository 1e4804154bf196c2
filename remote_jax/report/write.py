"""Writes the report of a run: a page, and its charts as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from remote_jax.errors import UserError, writing
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
    if explain:
        model = chosen.trained(read)  # it reads the data, so that pictures are there
        bare = view_of(replace(read, room=0))
        first = chosen.pictures(read, bare, explain)
        read = replace(read, room=read.room - chosen.ROOM, first=first)
        view = chosen.with_explanations(read, view_of(read), model, explain)
    else:
        view = view_of(read)
    sections = [
        common.summary(read, view),
        common.training(read, view.metric),
        *view.sections,
        data.section(read),
        common.details(read.tables),
    ]
    figures = folder / "figures"
    with writing(figures):
        figures.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for chart in section.charts:
            drawings.write(chart, figures)
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
    rows = [row for row, number in enumerate(browser.explanation) if number >= 0]
    if not rows:
        return

    def shown(row: int) -> tuple[bool, int]:
        one, post = browser.explained[browser.explanation[row]], browser.posts[browser.post[row]]
        return bool(one.overlays and post.picture), sum(bool(chart.name) for chart in one.charts)

    row = max(rows, key=shown)
    one, post = browser.explained[browser.explanation[row]], browser.posts[browser.post[row]]
    if one.overlays and post.picture:
        drawings.write_overlays(post.picture, one.overlays, figures)
    for chart in one.charts:
        if chart.name:
            drawings.write(chart, figures)
