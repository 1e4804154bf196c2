"""ROAM: the best answers of a query with their groups and modalities, and entities on a plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from remote_jax.report.charts import Cloud, Matrix, Points
from remote_jax.report.view import Explained, Section
from remote_jax.reporting.results import Table
from remote_jax.roam.explanation import QueryExplanation, Routed


def explained(one: QueryExplanation) -> Explained:
    """What a page shows of a query."""
    groups = [f"group {number}" for number in range(len(one.routed.shares))]
    names = list(one.routed.modalities)
    rows = [
        (
            place,
            answer.name,
            "wanted" if answer.name == one.wanted else "known" if answer.known else "",
            answer.probability,
            answer.score,
            *map(float, routed.shares),
            *(float(routed.shares @ routed.modalities[name]) for name in names),
        )
        for place, (answer, routed) in enumerate(zip(one.answers, one.routing, strict=True), 1)
    ]
    columns = ("", "answer", "", "probability", "score", *groups, *names)
    title = "The best answers; how they are routed before the relation is known"
    return Explained([_query(one.routed, groups)], [Table(title, columns, rows)])


def _query(routed: Routed, groups: Sequence[str]) -> Matrix:
    """Shares of the groups (Eq. 8), and weights of the modalities in each (Eq. 4)."""
    values = np.stack([routed.shares, *routed.modalities.values()])
    rows = ["share of the group", *routed.modalities]
    return Matrix("routing-of-a-query", "How the query was routed", "", "", rows, groups, values)


def projection(
    vectors: Float[np.ndarray, "n d"], groups: Int[np.ndarray, " n"], names: Sequence[str]
) -> Section:
    """Entities along the two directions in which their vectors differ most.

    Args:
        vectors: of the entities.
        groups: the one with the largest share of each.
    """
    centred = vectors - vectors.mean(0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    places = np.pad(centred @ directions[:2].T, ((0, 0), (0, max(2 - len(directions), 0))))
    told = (spread[:2] ** 2).sum() / max((spread**2).sum(), 1e-12)
    clouds = []
    for group in sorted(set(groups.tolist())):
        rows = np.flatnonzero(groups == group)
        x, y = places[rows].T.tolist()
        clouds.append(Cloud(f"group {group}", x, y, [names[row] for row in rows.tolist()]))
    title = f"Entities: two principal components, {told:.0%} of the variance"
    chart = Points("entities", title, "first", "second", tuple(clouds))
    notes = [
        f"{len(names):,} entities, coloured by the group with the largest share of each; as "
        "candidates, before any relation is known."
    ]
    return Section("Entities", notes, charts=[chart])
