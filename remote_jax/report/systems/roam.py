"""What a run of ROAM has to show: ranks by relation, how queries were routed, and each query."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.data.files import read_json_value
from remote_jax.errors import UserError, reason
from remote_jax.report.charts import MOST_ROWS, Bars, Matrix, Series
from remote_jax.report.finished import MOST_BYTES, WRONG, Finished, share
from remote_jax.report.intervals import Measured, mean
from remote_jax.report.view import Browser, Column, Post, Section, View
from remote_jax.roam.ranking import HITS
from remote_jax.roam.task import RoamTask

RANKS = ((1, 1), (2, 3), (4, 10), (11, 100), (101, 1000), (1001, None))
"""First and last of the ranks that are counted together."""

ASKED = ("head", "relation", "tail", "direction")


def view(run: Finished) -> View:
    """Intervals over queries, ranks, routing, and the queries.

    Raises:
        UserError: a file of the run is not as it was written.
    """
    ranks = np.array(run.each(lambda row: _rank(row["rank"])))
    values = {"mrr": 1 / ranks, "mr": ranks} | {f"hits@{k}": ranks <= k for k in HITS}
    asked = list(zip(*map(run.texts, ASKED), strict=True))
    shown = [name for name, _ in Counter(run.texts("relation")).most_common(MOST_ROWS)]
    return View(
        measured={name: Measured(mean, [one.astype(float)]) for name, one in values.items()},
        metric=RoamTask.metric,
        unit="queries",
        asked=ASKED,
        decisions=dict(zip(asked, (ranks == 1).tolist(), strict=True)),
        sections=[_ranks(run, ranks, shown), _routing(run, shown)],
        browser=_browser(run, ranks),
    )


def _rank(value: Any) -> float:
    if not isinstance(value, int | float) or not 1 <= value < math.inf:
        raise ValueError(f"{value!r} is no rank")
    return float(value)


def _ranks(run: Finished, ranks: Float[np.ndarray, " n"], shown: Sequence[str]) -> Section:
    relations = run.texts("relation")
    scores = defaultdict[tuple[str, str], list[float]](list)
    for key, rank in zip(zip(relations, run.texts("direction"), strict=True), ranks, strict=True):
        scores[key].append(1 / rank)
    series = [
        Series(f"{end}s", shown, [float(np.mean(scores.get((r, end), [0.0]))) for r in shown])
        for end in ("tail", "head")
    ]
    labels = [f"{a}" if a == b else f"{a} to {b}" if b else f"{a} and more" for a, b in RANKS]
    # Where entities tie, a rank may end in a half; it is counted with the next whole one.
    edges = [first for first, _ in RANKS] + [np.inf]
    found = np.histogram(np.ceil(ranks), edges)[0].tolist()
    return Section(
        "Ranks",
        [f"Of {len(set(relations))} relations the {len(shown)} most frequent are shown."],
        charts=[
            Bars(
                "ranks",
                "How many queries have their answer at",
                "queries",
                (Series("", labels, found),),
            ),
            Bars("mrr-by-relation", "MRR by relation and direction", "MRR", tuple(series)),
        ],
    )


def _routing(run: Finished, shown: Sequence[str]) -> Section:
    """Figures 5 and 6 of the paper: groups by relation, modalities by group."""
    path = run.folder / "routing.json"
    routing = read_json_value(path, MOST_BYTES)
    try:
        named = [
            (f"{name} ({direction}s)", [share(one) for one in shares])
            for name in shown
            for direction, shares in routing["relations"].get(name, {}).items()
        ]
        groups = [dict(one["modalities"]) for one in routing["groups"]]
        modalities = {name: [share(one[name]) for one in groups] for name in groups[0]}
        entropy = float(routing["entropy"])
    except WRONG as error:
        raise UserError(f"{path} is not what a run writes ({reason(error)}).") from error
    numbers = [f"group {number}" for number in range(len(groups))]
    by_relation = Matrix(
        "groups-by-relation",
        "Shares of the groups by relation (Figure 5)",
        "group",
        "relation",
        [name for name, _ in named],
        numbers,
        [shares for _, shares in named],
    )
    series = tuple(Series(name, numbers, values) for name, values in modalities.items())
    title = "Weights of the modalities in each group (Figure 6)"
    return Section(
        "Routing",
        [f"Mean entropy of a query's shares of the groups: {entropy:.4f} nats."],
        charts=[by_relation, Bars("modalities-by-group", title, "weight", series)],
    )


def _browser(run: Finished, ranks: Float[np.ndarray, " n"]) -> Browser:
    def column(key: str, choices: bool = False) -> Column:
        return Column(key, run.texts(key), choices)

    return Browser(
        columns=[
            column("direction", choices=True),
            column("head"),
            column("relation", choices=True),
            column("tail"),
            Column("rank", ranks.tolist()),
            Column("probability", run.each(lambda row: share(row["probability"]))),
        ],
        right=(ranks == 1).tolist(),
        confidence=None,  # the probability is that of the right answer
        posts=[Post()],
        post=[0] * len(ranks),
    )
