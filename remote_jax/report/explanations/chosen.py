"""Which predictions are explained, and the model of a run that they are explained by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from remote_jax import config as configs
from remote_jax.eega import explanation as of_eega
from remote_jax.eega.task import EegaTask
from remote_jax.errors import UserError
from remote_jax.remote import explanation as of_remote
from remote_jax.remote.task import RemoteTask
from remote_jax.report.explanations import eega, remote, roam
from remote_jax.report.finished import Finished
from remote_jax.report.page.render import as_json
from remote_jax.report.view import Browser, Explained, Section, View
from remote_jax.reporting.progress import say, tracked
from remote_jax.roam import explanation as of_roam
from remote_jax.roam.task import RoamTask
from remote_jax.runtime import sharding
from remote_jax.serve.runs import open_run
from remote_jax.task import Task
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.evaluation import best_model
from remote_jax.training.record import Best
from remote_jax.training.state import Params, Skeleton

ROOM = 4_000_000
"""Characters of all explanations of a page, which pictures have to leave."""

MOST_ENTITIES = 2000
"""Of a graph that are shown on a plane."""


@dataclass(frozen=True)
class Trained:
    """The model of a run that is best on validation, and its task with its data."""

    task: Task
    skeleton: Skeleton
    params: Params
    best: Best


Explain = Callable[[Trained, str, Sequence[int]], Iterator[Explained]]


def _remote(model: Trained, split: str, rows: Sequence[int]) -> Iterator[Explained]:
    assert isinstance(model.task, RemoteTask)
    found = of_remote.explain(model.task, model.skeleton, model.params, split, rows)
    return map(remote.explained, found)


def _eega(model: Trained, split: str, rows: Sequence[int]) -> Iterator[Explained]:
    assert isinstance(model.task, EegaTask)
    found = of_eega.explain(model.task, model.skeleton, model.params, split, rows)
    return map(eega.explained, found)


def _roam(model: Trained, split: str, rows: Sequence[int]) -> Iterator[Explained]:
    assert isinstance(model.task, RoamTask)
    calibration = model.best.get("calibration", {})
    found = of_roam.explain(model.task, model.skeleton, model.params, calibration, split, rows)
    return map(roam.explained, found)


EXPLAIN: dict[str, Explain] = {"remote": _remote, "eega": _eega, "roam": _roam}


def with_explanations(run: Finished, view_of: Callable[[Finished], View], count: int) -> View:
    """The view of a run with what the model made of so many predictions, and their pictures.

    They are fewer where the page has no room.

    Raises:
        UserError: as `trained`; or a picture changed since the data were read.
    """
    model = trained(run)  # it reads the data, so that pictures are there
    bare = view_of(replace(run, room=0))
    units, rows = chosen(bare.browser, count, per_post=run.system == "eega")
    view = view_of(replace(run, room=run.room - ROOM, first=_pictures(run, rows)))
    made: dict[int, Explained] = {}
    room = ROOM
    what = "sentences" if run.system == "eega" else "predictions"
    found = EXPLAIN[run.system](model, run.split, rows)
    for row, one in zip(rows, tracked(found, "explaining", what, len(rows)), strict=True):
        size = len(json.dumps(as_json(one)))
        if size <= room:
            room -= size
            made[row] = one
    told = f"{len(made):,} {what} are explained, which the filter of predictions shows."
    if len(made) < len(rows):
        told += f" For {len(rows) - len(made):,} more the page has no room: choose fewer."
        say(told)
    number = {row: place for place, row in enumerate(made)}
    browser = replace(
        view.browser,
        explained=list(made.values()),
        explanation=[number.get(unit, -1) for unit in units],
    )
    section = Section("Explanations", [told])
    return replace(view, browser=browser, sections=[*view.sections, section, *_more(run, model)])


def _pictures(run: Finished, rows: Sequence[int]) -> list[str]:
    """Those of some rows of `predictions.jsonl`."""
    return [name for row in rows if isinstance(name := run.rows[row].get("image"), str) and name]


def chosen(browser: Browser, count: int, *, per_post: bool) -> tuple[list[int], list[int]]:
    """What the model reads of each prediction, and those of it that are explained.

    Half of them have a wrong prediction, as far as there are as many; the two kinds take turns, and
    each is evenly spread over the rows.

    Args:
        per_post: whether the model reads a post, of which there may be several predictions.
    """
    units = list(browser.post) if per_post else list(range(len(browser.right)))
    wrong = list(
        dict.fromkeys(unit for unit, ok in zip(units, browser.right, strict=True) if not ok)
    )
    right = [unit for unit in dict.fromkeys(units) if unit not in set(wrong)]
    of_wrong = min(len(wrong), max(-(-count // 2), count - len(right)))
    turns = zip_longest(_spread(wrong, of_wrong), _spread(right, count - of_wrong))
    return units, [unit for pair in turns for unit in pair if unit is not None]


def _spread(some: Sequence[int], count: int) -> list[int]:
    """So many of some, evenly spread; all of them if they are fewer."""
    places = np.linspace(0, len(some) - 1, min(count, len(some))).round().astype(int)
    return [some[place] for place in places.tolist()]


def trained(run: Finished) -> Trained:
    """The model of a run.

    Raises:
        UserError: the run has no checkpoint, or one of other results; its data are gone or changed.
    """
    asked = open_run(configs.read(run.folder), run.folder, new=False)
    asked.prepare(data=True)
    with Checkpoints(run.folder, read_only=True) as checkpoints:
        checkpoints.record().check_data(asked.task.fingerprint())
    skeleton, params, best = best_model(asked.task, run.folder, sharding.first_device())
    if best["step"] != run.results["best_step"]:
        raise UserError(
            f"{run.folder} has results of step {run.results['best_step']}, and its best checkpoint "
            f"is of step {best['step']}: write them anew with remote-jax --mode=eval "
            f"--workdir={run.folder}."
        )
    return Trained(asked.task, skeleton, params, best)


def _more(run: Finished, model: Trained) -> list[Section]:
    """What there is to show of the model as a whole."""
    if not isinstance(model.task, RoamTask):
        return []
    graph = model.task.graph
    if len(graph.entities) < 3:
        return []
    entities = _spread(range(len(graph.entities)), MOST_ENTITIES)
    vectors, groups = of_roam.embedded(model.skeleton, model.params, np.array(entities))
    return [roam.projection(vectors, groups, [graph.entities[entity] for entity in entities])]
