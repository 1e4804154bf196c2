"""Writes the report of a run: a page, and its charts as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from remote_jax.errors import UserError, writing
from remote_jax.report import common, data, drawings, finished
from remote_jax.report.finished import Finished
from remote_jax.report.page.render import render
from remote_jax.report.systems import eega, remote, roam
from remote_jax.report.view import View
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


def write(run: Path, folder: Path) -> Path:
    """Writes `report.html` and `figures/` into a folder, and gives the path of the page.

    Raises:
        UserError: the run is not finished, a file of it is not as it was written, or the folder
            cannot be written to.
    """
    read = finished.read(run)
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
    path = folder / "report.html"
    title = f"{run.resolve().name}: {read.results['data']}"
    write_atomically(path, [render(title, sections, view.browser)])
    return path
