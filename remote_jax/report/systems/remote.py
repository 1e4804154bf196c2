"""What a run of REMOTE has to show: confusions, and pairs in their posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from remote_jax import config as configs
from remote_jax.data.files import read_names
from remote_jax.errors import UserError
from remote_jax.remote.gauges import STREAMS
from remote_jax.remote.task import MAX_RELATIONS, RemoteTask
from remote_jax.report import common
from remote_jax.report.charts import Matrix
from remote_jax.report.finished import Finished, Row
from remote_jax.report.intervals import Measured, f1, share
from remote_jax.report.thumbnails import as_box, thumbnails
from remote_jax.report.view import Box, Browser, Column, Mark, Post, Section, View, Weights
from remote_jax.training.record import Record

PostKey = tuple[str, tuple[str, ...]]
"""Picture and words of a post."""


class Pictured(NamedTuple):
    """What the data folder has of posts.

    Attributes:
        pictures: data URLs by file.
        boxes: of each prediction.
        note: for the page.
    """

    pictures: dict[str, str]
    boxes: Sequence[Sequence[Box]]
    note: str


def view(run: Finished) -> View:
    """Intervals over posts, confusions and calibration of the listed pairs, and these pairs.

    Raises:
        UserError: a file of the run is not as it was written.
    """
    names = read_names(run.folder / "relations.json", MAX_RELATIONS)
    number = {name: index for index, name in enumerate(names)}
    gold = np.array(run.each(lambda row: number[row["relation"]]))
    found = np.array(run.each(lambda row: number[row["predicted"]]))
    keys: list[PostKey] = run.each(lambda row: (row["image"], tuple(row["tokens"])))
    probability = np.array(run.each(lambda row: float(row["probability"])))
    post_of = _posts(keys)
    browser = _browser(run, keys, post_of, gold == found, probability)
    relations = [names[index] for index in gold.tolist()]
    experts = [_experts(browser.weights, relations)] if browser.weights else []
    return View(
        measured=_measured(gold, found, post_of),
        unit="posts",
        asked=("line", "head", "tail", "relation"),
        decisions=dict(zip(run.each(_asked), (gold == found).tolist(), strict=True)),
        sections=[
            common.calibration(probability, gold == found, "listed pairs"),
            _confusions(names, gold, found),
            *experts,
        ],
        browser=browser,
    )


def _measured(gold: np.ndarray, found: np.ndarray, post_of: np.ndarray) -> dict[str, Measured]:
    """The scores of listed pairs, index 0 being no relation."""
    right, claimed, related, same, every = (
        np.bincount(post_of, some.astype(float))
        for some in (
            (gold == found) & (gold > 0),
            found > 0,
            gold > 0,
            gold == found,
            np.ones(len(gold)),
        )
    )
    return {
        "f1": Measured(f1, [right, claimed, related]),
        "precision": Measured(share, [right, claimed]),
        "recall": Measured(share, [right, related]),
        "accuracy": Measured(share, [same, every]),
    }


def _asked(row: Row) -> tuple[str, ...]:
    return f"{row['file']}:{row['line']}", row["head"], row["tail"], row["relation"]


def _posts(keys: Sequence[PostKey]) -> np.ndarray:
    """The number of each prediction's post."""
    numbers = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], int)


def _confusions(names: Sequence[str], gold: np.ndarray, found: np.ndarray) -> Section:
    """Which relation was taken for which; relations that do not occur are left out."""
    there = np.flatnonzero(np.isin(np.arange(len(names)), [*gold, *found]))
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (gold, found), 1)
    shown = [names[index] for index in there.tolist()]
    matrix = Matrix(
        "confusions",
        "Relations: what is right (rows) and what was predicted",
        "predicted",
        "right",
        shown,
        shown,
        counts[np.ix_(there, there)].tolist(),
        shares=True,
        filters=("relation", "predicted"),
    )
    return Section("Confusions", ["A click on a cell shows its pairs."], charts=[matrix])


def _browser(
    run: Finished,
    keys: Sequence[PostKey],
    post_of: np.ndarray,
    right: Bool[np.ndarray, " n"],
    probability: np.ndarray,
) -> Browser:
    def column(key: str, choices: bool = False) -> Column:
        return Column(key, run.each(lambda row: str(row[key])), choices)

    pictured = _pictured(run, right)
    posts: dict[int, Post] = {}
    for index, (image, tokens) in enumerate(keys):
        picture = pictured.pictures.get(image, "")
        boxes = pictured.boxes[index] if picture else ()
        lines = [line for line in (image, pictured.note) if line]
        posts.setdefault(int(post_of[index]), Post(tokens, picture, boxes, lines))
    return Browser(
        columns=[
            column("head"),
            column("tail"),
            column("type", choices=True),
            column("relation", choices=True),
            column("predicted", choices=True),
            Column("probability", probability.tolist()),
        ],
        right=right.tolist(),
        confidence=probability.tolist(),
        posts=list(posts.values()),
        post=post_of.tolist(),
        marks=run.each(_marks),
        objects=run.each(lambda row: [number for number in row["objects"] if number >= 0]),
        weights=_weights(run),
    )


def _weights(run: Finished) -> list[Weights]:
    """Those of the experts (Eq. 11), of which Figure 5 shows some."""
    taking_part = run.results["config"]["model"]["experts"].split(",")
    found = []
    for modality, (own, other, _) in STREAMS.items():
        values = [each.get(modality, []) for each in run.each(lambda row: row["experts"])]
        count = max(map(len, values))
        names = [own] if own in taking_part else []
        names += [f"{other}, level {level}" for level in range(count - len(names))]
        if count:
            found.append(Weights(f"Weights of the experts over {modality}", names, values))
    return found


def _experts(found: Sequence[Weights], relations: Sequence[str]) -> Section:
    """Their means over the pairs of each relation, most frequent first."""
    names = [name for name, _ in Counter(relations).most_common()]
    charts = []
    for one in found:
        rows: dict[str, list[Sequence[float]]] = {name: [] for name in names}
        for relation, values in zip(relations, one.values, strict=True):
            if values:
                rows[relation].append(values)
        shown = {name: np.mean(values, 0).tolist() for name, values in rows.items() if values}
        title = one.title.lower().replace(" ", "-")
        columns = list(one.names)
        charts.append(
            Matrix(title, one.title, "expert", "relation", list(shown), columns, [*shown.values()])
        )
    return Section("Experts", ["Means over pairs, by the relation that is right."], charts=charts)


def _marks(row: Row) -> list[Mark]:
    spans = zip(row["spans"], ("head", "tail"), strict=True)
    return [(int(span[0]), int(span[1]), kind) for span, kind in spans if span is not None]


def _pictured(run: Finished, right: Bool[np.ndarray, " n"]) -> Pictured:
    """Pictures of posts, those with a wrong answer first, where the data are still here."""
    images = run.each(lambda row: str(row["image"]))
    try:
        task = RemoteTask(configs.read(run.folder))
        Record(fingerprint=run.results["dataset"]).check_data(task.pairs.fingerprint)
        records, root = task.pairs.records(run.split), Path(task.pairs.root)
    except UserError as error:
        return Pictured({}, (), f"No picture is shown: {error}")
    order = np.argsort(right, kind="stable")
    pictures = thumbnails(root, [images[index] for index in order])
    boxes = [[as_box(row) for row in records[index].boxes.tolist()] for index in range(len(images))]
    return Pictured(pictures, boxes, "")
