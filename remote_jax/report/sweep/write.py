"""Writes the report of a sweep: a page, and its curves as files."""

from __future__ import annotations

from pathlib import Path

from remote_jax.errors import UserError
from remote_jax.report import drawings
from remote_jax.report.page.render import render
from remote_jax.report.sweep import curves, plan, scores
from remote_jax.report.sweep.plan import Sweep
from remote_jax.report.sweep.scores import Scores
from remote_jax.report.view import Section
from remote_jax.reporting.numbers import as_text
from remote_jax.reporting.results import Table, write_atomically


def write(folder: Path, output: Path) -> Path:
    """Writes `report.html` and `figures/` into a folder, and gives the path of the page.

    Args:
        folder: of the sweep; runs that are not finished are left out, and the page says so.

    Raises:
        UserError: no run is finished, a file is not as it was written, or the folder cannot be
            written to.
    """
    sweep = plan.read(folder)
    done = [run for run in sweep.runs if run.finished]
    if not done:
        raise UserError(f"No run of the sweep in {folder} is finished.")
    found = scores.read(done, sweep.metrics)
    drawn = curves.charts(found)
    sections = [
        _variants(sweep, found),
        *(Section(key, charts=charts) for key, charts in drawn.items()),
        _runs(found),
    ]
    drawings.write_all(sections, output / "figures")
    path = output / "report.html"
    write_atomically(path, [render(f"{folder.resolve().name}: {sweep.config}", sections, None)])
    return path


def _variants(sweep: Sweep, found: Scores) -> Section:
    counts = {len(found.of_variant(run.variant, found.metrics[0])) for run in found.numbers}
    seeds = " to ".join(map(str, sorted({min(counts), max(counts)})))
    notes = [f"Mean ± standard deviation over seeds, of which a variant has {seeds}."]
    missing = [f"{r.variant}, seed {r.seed}" for r in sweep.runs if r not in found.numbers]
    if missing:
        notes.append(f"Not finished: {'; '.join(missing)}.")
    heads, cells = scores.rows(found)
    return Section("Variants", notes, [Table("", heads, cells)])


def _runs(found: Scores) -> Section:
    heads = ["variant", "seed", *map(found.title, found.metrics), "flags"]
    rows = [
        [
            run.variant,
            run.seed,
            *(as_text([x[m]] if m in x else [], found.scale(m)) for m in found.metrics),
            " ".join(run.flags),
        ]
        for run, x in found.numbers.items()
    ]
    return Section("Runs", tables=[Table("", heads, rows)])
