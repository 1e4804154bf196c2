"""What a run of REMOTE has to show: confusions, and pairs in their posts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from remote_jax.data.files import read_names
from remote_jax.remote.build import experts
from remote_jax.remote.gauges import STREAMS
from remote_jax.remote.task import MAX_RELATIONS, RemoteTask
from remote_jax.report import common
from remote_jax.report.charts import MOST_ROWS, Matrix
from remote_jax.report.finished import Finished, Row, text
from remote_jax.report.finished import share as share_of_one
from remote_jax.report.intervals import Measured, f1, share
from remote_jax.report.thumbnails import as_box, thumbnails
from remote_jax.report.view import Browser, Column, Mark, Post, Section, View, Weights

PostKey = tuple[str, tuple[str, ...]]
"""Picture and words of a post."""


def view(run: Finished) -> View:
    """Intervals over posts, confusions and calibration of the listed pairs, and these pairs.

    Raises:
        UserError: a file of the run is not as it was written.
    """
    names = read_names(run.folder / "relations.json", MAX_RELATIONS)
    number = {name: index for index, name in enumerate(names)}
    gold = np.array(run.each(lambda row: number[row["relation"]]))
    found = np.array(run.each(lambda row: number[row["predicted"]]))
    keys: list[PostKey] = run.each(_post_key)
    probability = np.array(run.each(lambda row: share_of_one(row["probability"])))
    post_of = _posts(keys)
    browser = _browser(run, keys, post_of, gold == found, probability)
    relations = [names[index] for index in gold.tolist()]
    by_relation = [_experts(browser.weights, relations)] if browser.weights else []
    return View(
        measured=_measured(gold, found, post_of),
        metric=RemoteTask.metric,
        unit="posts",
        asked=("line", "head", "tail", "relation"),
        decisions=dict(zip(run.each(_asked), (gold == found).tolist(), strict=True)),
        sections=[
            common.calibration(probability, gold == found, "listed pairs"),
            _confusions(names, gold, found),
            *by_relation,
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


def _post_key(row: Row) -> PostKey:
    return text(row["image"]), tuple(map(text, row["tokens"]))


def _posts(keys: Sequence[PostKey]) -> np.ndarray:
    """The number of each prediction's post."""
    numbers = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return np.array([numbers[key] for key in keys], int)


def _confusions(names: Sequence[str], gold: np.ndarray, found: np.ndarray) -> Section:
    """Which relation was taken for which, of the most frequent ones that occur."""
    occur = np.bincount(gold, minlength=len(names)) + np.bincount(found, minlength=len(names))
    there = np.sort(np.argsort(-occur, kind="stable")[: min(MOST_ROWS, (occur > 0).sum())])
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (gold, found), 1)
    shown = [names[index] for index in there.tolist()]
    notes = ["Colours are shares of a row. A click on a cell shows its pairs."]
    if len(there) < (occur > 0).sum():
        notes.append(f"The {MOST_ROWS} most frequent of {(occur > 0).sum()} relations are shown.")
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
    return Section("Confusions", notes, charts=[matrix])


def _browser(
    run: Finished,
    keys: Sequence[PostKey],
    post_of: np.ndarray,
    right: Bool[np.ndarray, " n"],
    probability: np.ndarray,
) -> Browser:
    def column(key: str, choices: bool = False) -> Column:
        return Column(key, run.texts(key), choices)

    first_wrong = np.argsort(right, kind="stable").tolist()
    pictures, note = thumbnails(run, [keys[index][0] for index in first_wrong])
    boxes = run.each(lambda row: [as_box(box) for box in row["boxes"]])
    posts: dict[int, Post] = {}
    for index, (image, tokens) in enumerate(keys):
        picture = pictures.get(image, "")
        lines = [line for line in (image, note) if line]
        posts.setdefault(
            int(post_of[index]), Post(tokens, picture, boxes[index] if picture else (), lines)
        )
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
    taking_part = experts(run.results["config"]["model"]["experts"])
    found = []
    for modality, (own, other, _) in STREAMS.items():
        values = run.each(lambda row, key=modality: _shares(row["experts"].get(key, [])))  # type: ignore[misc]
        count = max(map(len, values))
        names = [own] if own in taking_part else []
        names += [f"{other}, level {level}" for level in range(count - len(names))]
        if count:
            found.append(Weights(f"Weights of the experts over {modality}", names, values))
    return found


def _shares(values: Sequence[float]) -> list[float]:
    return [share_of_one(value) for value in values]


def _experts(found: Sequence[Weights], relations: Sequence[str]) -> Section:
    """Their means over the pairs of each relation, most frequent first."""
    names = [name for name, _ in Counter(relations).most_common(MOST_ROWS)]
    charts = []
    for one in found:
        rows: dict[str, list[Sequence[float]]] = {name: [] for name in names}
        for relation, values in zip(relations, one.values, strict=True):
            if values and relation in rows:
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
