"""What a run of ROAM has to show: ranks by relation, how queries were routed, and each query."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.errors import UserError, reason
from remote_jax.report.charts import Bars, Matrix, Series
from remote_jax.report.finished import Finished
from remote_jax.report.intervals import Measured, mean
from remote_jax.report.view import Browser, Column, Post, Section, View

RANKS = ((1, 1), (2, 3), (4, 10), (11, 100), (101, 1000), (1001, None))
"""First and last of the ranks that are counted together."""
RELATIONS = 40
"""Most relations of a chart, the most frequent ones."""


def view(run: Finished) -> View:
    """Intervals over queries, ranks, routing, and the queries.

    Raises:
        UserError: a file of the run is not as it was written.
    """
    ranks = np.array(run.each(lambda row: float(row["rank"])))
    values = {"mrr": 1 / ranks, "mr": ranks} | {f"hits@{k}": ranks <= k for k in (1, 3, 10)}
    asked = run.each(lambda row: (row["head"], row["relation"], row["tail"], row["direction"]))
    return View(
        measured={name: Measured(mean, [one.astype(float)]) for name, one in values.items()},
        unit="queries",
        asked=("head", "relation", "tail", "direction"),
        decisions=dict(zip(asked, (ranks == 1).tolist(), strict=True)),
        sections=[_ranks(run, ranks), _routing(run)],
        browser=_browser(run, ranks),
    )


def _ranks(run: Finished, ranks: Float[np.ndarray, " n"]) -> Section:
    relations = run.each(lambda row: str(row["relation"]))
    directions = run.each(lambda row: str(row["direction"]))
    names, counts = np.unique(relations, return_counts=True)
    shown = names[np.argsort(-counts, kind="stable")][:RELATIONS].tolist()
    series = []
    for direction in ("tail", "head"):
        scores = []
        for name in shown:
            rows = [
                r == name and d == direction for r, d in zip(relations, directions, strict=True)
            ]
            scores.append(float((1 / ranks[rows]).mean()) if any(rows) else 0.0)
        series.append(Series(f"{direction}s", shown, scores))
    labels = [f"{a}" if a == b else f"{a} to {b}" if b else f"{a} and more" for a, b in RANKS]
    # An entity that ties counts half a place: ranks between two whole numbers belong below.
    edges = [first for first, _ in RANKS] + [np.inf]
    found = np.histogram(np.ceil(ranks), edges)[0].tolist()
    return Section(
        "Ranks",
        [f"Of {len(names)} relations the {len(shown)} most frequent are shown."],
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


def _routing(run: Finished) -> Section:
    """Figures 5 and 6 of the paper: groups by relation, modalities by group."""
    path = run.folder / "routing.json"
    try:
        routing = json.loads(path.read_text(encoding="utf-8"))
        relations = list(routing["relations"].items())[:RELATIONS]
        named = [
            (f"{name} ({direction}s)", shares)
            for name, both in relations
            for direction, shares in both.items()
        ]
        groups = [f"group {number + 1}" for number in range(len(routing["groups"]))]
        return Section(
            "Routing",
            [f"Mean entropy of a query's shares of the groups: {routing['entropy']:.4f} nats."],
            charts=[
                Matrix(
                    "groups-by-relation",
                    "Shares of the groups by relation (Figure 5)",
                    "group",
                    "relation",
                    [name for name, _ in named],
                    groups,
                    [shares for _, shares in named],
                ),
                _modalities(groups, routing["groups"]),
            ],
        )
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not what a run writes ({reason(error)}).") from error


def _modalities(groups: list[str], found: list[Mapping[str, Any]]) -> Bars:
    names = list(found[0]["modalities"])
    series = [Series(n, groups, [float(one["modalities"][n]) for one in found]) for n in names]
    title = "Weights of the modalities in each group (Figure 6)"
    return Bars("modalities-by-group", title, "weight", tuple(series))


def _browser(run: Finished, ranks: Float[np.ndarray, " n"]) -> Browser:
    def column(key: str, choices: bool = False) -> Column:
        return Column(key, run.each(lambda row: str(row[key])), choices)

    probability = run.each(lambda row: float(row["probability"]))
    return Browser(
        columns=[
            column("direction", choices=True),
            column("head"),
            column("relation", choices=True),
            column("tail"),
            Column("rank", ranks.tolist()),
            Column("probability", probability),
        ],
        right=(ranks == 1).tolist(),
        confidence=probability,
        posts=[Post()],
        post=[0] * len(ranks),
    )
