"""Runs side by side: scores over seeds, whether a gain is more than chance, and what runs cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from ml_collections import ConfigDict
from scipy.stats import binomtest

from remote_jax import config as configs
from remote_jax.config import RESUMABLE_KEYS
from remote_jax.errors import UserError
from remote_jax.report import costs, drawings, finished
from remote_jax.report.charts import Chart
from remote_jax.report.finished import Finished
from remote_jax.report.intervals import check, difference
from remote_jax.report.page.render import render
from remote_jax.report.view import Browser, Column, Post, Section, View
from remote_jax.report.write import view_of
from remote_jax.reporting.results import Table, cell, write_atomically
from remote_jax.roam import wilcoxon


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seeds alone.

    Attributes:
        name: end of the folder of the first, as long as it takes to tell it from others.
        views: of each.
    """

    name: str
    runs: Sequence[Finished]
    views: Sequence[View]


class Part(NamedTuple):
    """A table of the comparison, which is a section of the page and files of its name."""

    name: str
    note: str
    table: pd.DataFrame
    charts: Sequence[Chart] = ()


def write(folders: Iterable[Path], output: Path) -> Path:
    """Compares runs, and writes a page and its tables as CSV, Markdown and LaTeX.

    Args:
        folders: of finished runs on the same data; the first setting is what others are compared
            with.

    Raises:
        UserError: runs are not finished, or not of the same data; there is one setting alone.
    """
    settings = grouped([finished.read(folder) for folder in folders])
    parts = _parts(settings)
    sections = [
        Section(part.name.capitalize(), [part.note], [_as_table(part.table)], part.charts)
        for part in parts
    ]
    drawings.write_all(sections, output / "figures")
    for part in parts:
        _write_table(part.table, output / part.name)
    browser = disagreements(settings)
    asked = pd.DataFrame(
        zip(*(column.values for column in browser.columns), strict=True),
        columns=[column.name for column in browser.columns],
    )
    # A spreadsheet would take some names for formulas.
    asked = asked.replace(r"^(?=[=+\-@\t\r])", "'", regex=True)
    write_atomically(output / "disagreements.csv", [asked.to_csv(index=False)])
    path = output / "compare.html"
    title = " beside ".join(one.name for one in settings)
    write_atomically(path, [render(title, sections, browser)])
    return path


def grouped(runs: Sequence[Finished]) -> list[Setting]:
    """Runs by setting, in the order of the first of each.

    Raises:
        UserError: a run is named twice, they are not of the same test, or all of one setting.
    """
    folders = [run.folder.resolve() for run in runs]
    if len(set(folders)) < len(folders):
        raise UserError("compare was given the folder of a run twice.")
    by_key: dict[str, list[Finished]] = {}
    for run in runs:
        by_key.setdefault(_key(run), []).append(run)
    if len(by_key) < 2:
        raise UserError("compare takes runs of two settings and more, these differ in seeds alone.")
    names = _names([some[0].folder.resolve() for some in by_key.values()])
    settings = [
        Setting(name, some, [view_of(run) for run in some])
        for name, some in zip(names, by_key.values(), strict=True)
    ]
    _check_same_test(settings)
    return settings


def _check_same_test(settings: Sequence[Setting]) -> None:
    first, view = settings[0].runs[0], settings[0].views[0]
    for one in settings:
        for run, other in zip(one.runs, one.views, strict=True):
            differ = len(view.decisions.keys() ^ other.decisions.keys())
            if differ or run.split != first.split or len(run.rows) != len(first.rows):
                raise UserError(
                    f"{run.folder} and {first.folder} were not scored on the same data: "
                    f"{len(run.rows):,} predictions of {run.split} and {len(first.rows):,} of "
                    f"{first.split}; {differ:,} of what they decide is asked of one alone."
                )


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of paths that differ from each other."""
    length = 1
    while len({folder.parts[-length:] for folder in folders}) < len(folders):
        length += 1
    return ["/".join(folder.parts[-length:]) for folder in folders]


def _key(run: Finished) -> str:
    """The config as text, without what may differ within a setting."""
    config = configs.flatten(ConfigDict(run.results["config"]))
    kept = {
        key: value
        for key, value in config.items()
        if key != "seed" and not any(key == k or key.startswith(f"{k}.") for k in RESUMABLE_KEYS)
    }
    return json.dumps(kept, sort_keys=True, default=str)


def scores(settings: Sequence[Setting]) -> pd.DataFrame:
    """Mean ± deviation over seeds of every score; a row a score, a column a setting."""
    names = list(dict.fromkeys(name for one in settings for run in one.runs for name in run.scores))
    rows = [
        (name, *(_mean([r.scores[name] for r in one.runs if name in r.scores]) for one in settings))
        for name in names
    ]
    return pd.DataFrame(rows, columns=["score", *(one.name for one in settings)])


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


def differences(settings: Sequence[Setting]) -> pd.DataFrame:
    """What each setting has more than the first, and between what bounds that lies."""
    first, rows = settings[0], []
    for one in settings:
        for run, view in zip(one.runs, one.views, strict=True):
            check(run.scores, view.measured)
    for one in settings[1:]:
        for name in first.views[0].measured:
            sides = [[view.measured[name] for view in side.views] for side in (first, one)]
            low, high = difference(*sides)
            means = [float(np.mean([each.value() for each in side])) for side in sides]
            rows.append((one.name, name, means[1] - means[0], low, high))
    return pd.DataFrame(rows, columns=["setting", "score", "difference", "95 % from", "to"])


def decisions(settings: Sequence[Setting]) -> pd.DataFrame:
    """McNemar's exact test of decisions: those that are right in one of two settings alone.

    Of one run each: those of the first seed that both have, or else the first ones. Together,
    runs of several seeds would count what is asked several times.
    """
    first, rows = settings[0], []
    for one in settings[1:]:
        before, after = _same_seed(first, one)
        right = before[1].decisions
        gains = sum(now and not right[asked] for asked, now in after[1].decisions.items())
        losses = sum(not now and right[asked] for asked, now in after[1].decisions.items())
        p = float(binomtest(gains, gains + losses).pvalue) if gains + losses else 1.0
        seeds = f"{before[0].results['seed']}, {after[0].results['seed']}"
        rows.append((one.name, seeds, gains, losses, f"{p:.3g}"))
    columns = ["setting", "seeds", "right here alone", f"right in {first.name} alone", "p"]
    return pd.DataFrame(rows, columns=columns)


def _same_seed(
    first: Setting, second: Setting
) -> tuple[tuple[Finished, View], tuple[Finished, View]]:
    sides = [list(zip(one.runs, one.views, strict=True)) for one in (first, second)]
    for before in sides[0]:
        for after in sides[1]:
            if before[0].results["seed"] == after[0].results["seed"]:
                return before, after
    return sides[0][0], sides[1][0]


def relations(settings: Sequence[Setting]) -> pd.DataFrame:
    """Wilcoxon's test over relations, of settings of ROAM (Table 7)."""
    first, rows = settings[0], []
    for one in settings[1:]:
        found = wilcoxon.compare(
            ([run.folder for run in first.runs], [run.folder for run in one.runs])
        )
        before, after = found.scores.mean(1)
        for place, metric in enumerate(wilcoxon.METRICS):
            means = float(after[place]), float(before[place])
            p = f"{found.p[place]:.3g}"
            rows.append((one.name, metric, *means, len(found.relations), found.differing[place], p))
    columns = ["mean of relations", f"in {first.name}", "relations", "that differ", "p"]
    return pd.DataFrame(rows, columns=["setting", "score", *columns])


def disagreements(settings: Sequence[Setting]) -> Browser:
    """What was asked and is right in the first run of some settings, and not of all."""
    found: list[Mapping[tuple[str, ...], bool]] = [one.views[0].decisions for one in settings]
    asked = [key for key in found[0] if len({some.get(key, False) for some in found}) > 1]
    columns = [
        Column(name, [key[place] for key in asked])
        for place, name in enumerate(settings[0].views[0].asked)
    ]
    columns += [
        Column(one.name, [("wrong", "right")[some.get(key, False)] for key in asked], choices=True)
        for one, some in zip(settings, found, strict=True)
    ]
    right = [found[0].get(key, False) for key in asked]
    return Browser(columns, right, None, [Post()], [0] * len(asked))


def _parts(settings: Sequence[Setting]) -> list[Part]:
    """The tables, each with a sentence or two."""
    first, counts = settings[0], "; ".join(f"{one.name}: {len(one.runs)}" for one in settings)
    parts = [
        Part(
            "scores",
            f"Runs that differ in their seeds alone are one setting, named after the first "
            f"({counts}). Deviations are over seeds.",
            scores(settings),
        ),
        Part(
            "differences",
            f"Compared with {first.name}. Bounds are those of the middle 95 % of 999 draws of "
            f"{first.views[0].unit}, the same ones for all runs. Runs are not drawn: what other "
            "seeds would give is not in the bounds, and with one seed each may well lie outside.",
            differences(settings),
        ),
        Part(
            "decisions",
            f"Compared with {first.name}, by McNemar's exact test. It takes decisions as "
            "independent of each other, which those of one post are not.",
            decisions(settings),
        ),
    ]
    if first.runs[0].system == "roam":
        note = (
            f"Compared with {first.name}, by Wilcoxon's signed-rank test, two-sided, over "
            "relations: each counts once, by its mean over its queries and over the runs of a "
            f"setting (Table 7 calls p < {wilcoxon.SIGNIFICANCE} significant, which takes "
            f"{wilcoxon.MIN_RELATIONS} relations and more)."
        )
        parts.append(Part("relations", note, relations(settings)))
    runs, metric = {one.name: one.runs for one in settings}, first.views[0].metric
    note = (
        f"Mean ± deviation over seeds. Time is that of training alone; {metric} chose the "
        "checkpoints. Times compare where runs had the same machine to themselves."
    )
    return [*parts, Part("costs", note, costs.table(runs, metric), costs.charts(runs, metric))]


def _as_table(frame: pd.DataFrame) -> Table:
    return Table("", list(map(str, frame.columns)), frame.to_numpy(object).tolist())


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    """As CSV, Markdown and LaTeX."""
    write_atomically(path.with_suffix(".csv"), [frame.to_csv(index=False)])
    markdown = frame.map(cell).to_markdown(index=False, disable_numparse=True)
    write_atomically(path.with_suffix(".md"), [markdown, "\n"])
    latex = frame.style.format(escape="latex", precision=4).format_index(escape="latex", axis=1)
    write_atomically(path.with_suffix(".tex"), [latex.hide(axis="index").to_latex(hrules=True)])
