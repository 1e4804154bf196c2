"""Runs side by side: scores over seeds, and whether what one setting gains is more than chance."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from remote_jax.errors import UserError, writing
from remote_jax.report import finished
from remote_jax.report.finished import Finished
from remote_jax.report.intervals import difference, of_scores
from remote_jax.report.page.render import render
from remote_jax.report.view import Browser, Column, Post, Section, View
from remote_jax.report.write import VIEWS
from remote_jax.reporting.results import Table, write_atomically

OF_NO_SETTING = ("seed", "data.workers", "data.cache", "profile", "train.save_every")
"""Keys in which runs of one setting may differ."""


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seeds alone.

    Attributes:
        name: folder of the first.
        views: of each.
    """

    name: str
    runs: Sequence[Finished]
    views: Sequence[View]


def write(folders: Iterable[Path], output: Path) -> Path:
    """Compares runs, and writes a page and its tables as CSV, Markdown and LaTeX.

    Args:
        folders: of finished runs on the same data; the first setting is what others are compared
            with.

    Raises:
        UserError: runs are not finished, or not of the same data; there is one setting alone.
    """
    settings = grouped([finished.read(folder) for folder in folders])
    tables = {
        "scores": scores(settings),
        "differences": differences(settings),
        "decisions": decisions(settings),
    }
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        _write_table(table, output / name)
    browser = disagreements(settings)
    asked = pd.DataFrame({column.name: column.values for column in browser.columns})
    write_atomically(output / "disagreements.csv", [asked.to_csv(index=False)])
    sections = [
        Section(name.capitalize(), [note], [_as_table(tables[name])])
        for name, note in _notes(settings).items()
    ]
    path = output / "compare.html"
    title = " beside ".join(one.name for one in settings)
    write_atomically(path, [render(title, sections, browser)])
    return path


def grouped(runs: Sequence[Finished]) -> list[Setting]:
    """Runs by setting, in the order of the first of each.

    Raises:
        UserError: they are not of the same data, or all of one setting.
    """
    first = runs[0]
    for run in runs:
        if run.results["dataset"] != first.results["dataset"] or run.split != first.split:
            raise UserError(
                f"{run.folder} and {first.folder} are not runs on the same data; the datasets of "
                "their results.json differ."
            )
    by_key: dict[str, list[Finished]] = {}
    for run in runs:
        by_key.setdefault(_key(run), []).append(run)
    if len(by_key) < 2:
        raise UserError("compare takes runs of two settings and more, these differ in seeds alone.")
    return [
        Setting(some[0].folder.resolve().name, some, [VIEWS[run.system](run) for run in some])
        for some in by_key.values()
    ]


def _key(run: Finished) -> str:
    """The config as text, without what may differ within a setting."""
    config: dict[str, Any] = copy.deepcopy(run.results["config"])
    for name in OF_NO_SETTING:
        part, (*path, last) = config, name.split(".")
        for key in path:
            part = part.get(key, {})
        part.pop(last, None)
    return json.dumps(config, sort_keys=True)


def scores(settings: Sequence[Setting]) -> pd.DataFrame:
    """Mean ± deviation over seeds of every score; a row a score, a column a setting."""
    names = list(dict.fromkeys(name for one in settings for run in one.runs for name in run.scores))
    found = pd.DataFrame({"score": names})
    for one in settings:
        found[one.name] = [
            _mean([run.scores[name] for run in one.runs if name in run.scores]) for name in names
        ]
    return found


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.4f}" if len(values) > 1 else ""
    return f"{np.mean(values):.4f}{spread}"


def differences(settings: Sequence[Setting]) -> pd.DataFrame:
    """What each setting gains on the first, and between what bounds that lies."""
    first, rows = settings[0], []
    for one in settings:
        for run, view in zip(one.runs, one.views, strict=True):
            of_scores(run.scores, view.measured)
    for one in settings[1:]:
        for name in first.views[0].measured:
            sides = [[view.measured[name] for view in side.views] for side in (first, one)]
            low, high = difference(*sides)
            means = [float(np.mean([each.value() for each in side])) for side in sides]
            rows.append((one.name, name, means[1] - means[0], low, high))
    return pd.DataFrame(rows, columns=["setting", "score", "gains", "95 % from", "to"])


def decisions(settings: Sequence[Setting]) -> pd.DataFrame:
    """McNemar's exact test of decisions: those that are right in one of two settings alone.

    Seeds of the two are taken one with one, as many as both have.
    """
    first, rows = settings[0], []
    for one in settings[1:]:
        gains, losses = _changed(first, one)
        p = float(binomtest(gains, gains + losses).pvalue) if gains + losses else 1.0
        rows.append((one.name, gains, losses, p))
    columns = ["setting", "right here alone", f"right in {first.name} alone", "p"]
    return pd.DataFrame(rows, columns=columns)


def _changed(first: Setting, second: Setting) -> tuple[int, int]:
    """Decisions that are right in the second alone, and in the first alone."""
    gains = losses = 0
    for before, after in zip(first.views, second.views, strict=False):
        for asked, right in before.decisions.items():
            gains += not right and after.decisions.get(asked, False)
            losses += right and not after.decisions.get(asked, False)
    return gains, losses


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


def _notes(settings: Sequence[Setting]) -> dict[str, str]:
    """A sentence or two on each table."""
    first, counts = settings[0], "; ".join(f"{one.name}: {len(one.runs)}" for one in settings)
    return {
        "scores": f"Runs that differ in their seeds alone are one setting, named after the first "
        f"({counts}). Deviations are over seeds.",
        "differences": f"Compared with {first.name}. Bounds are those of the middle 95 % of 999 "
        f"draws of {first.views[0].unit}, the same ones for all runs.",
        "decisions": f"Compared with {first.name}, by McNemar's exact test. It takes decisions as "
        "independent of each other, which those of one post are not.",
    }


def _as_table(frame: pd.DataFrame) -> Table:
    return Table("", list(map(str, frame.columns)), frame.to_numpy(object).tolist())


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    """As CSV, Markdown and LaTeX."""
    write_atomically(path.with_suffix(".csv"), [frame.to_csv(index=False)])
    write_atomically(path.with_suffix(".md"), [frame.to_markdown(index=False), "\n"])
    latex = frame.style.format(escape="latex", precision=4).format_index(escape="latex", axis=1)
    write_atomically(path.with_suffix(".tex"), [latex.hide(axis="index").to_latex(hrules=True)])
