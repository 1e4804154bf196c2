"""How queries were routed: what Figs. 2, 5 and 6 of the ROAM paper show, as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from remote_jax.reporting.information import entropy

DIGITS = 6


def routing_report(
    relations: Sequence[str],
    modalities: Sequence[str],
    directed: Int[np.ndarray, " queries"],
    outputs: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Means over queries, as JSON values.

    `entropy` is that of a query's shares of the groups, in nats, from 0 (one group) to log K
    (Fig. 2). `groups` gives each group's share of all queries and the weights of the modalities in
    it, each query counting by its share (Fig. 6). `relations` gives each relation's shares of the
    groups, for its tails and for its heads (Fig. 5).

    Args:
        directed: the relation of each query, past their number for the reciprocal ones.
        outputs: `shares` [queries, groups], `weights` [queries, groups, modalities].
    """
    shares, weights = outputs["shares"].astype(float), outputs["weights"].astype(float)
    mass = shares.sum(0)
    by_group = (shares[..., None] * weights).sum(0) / np.maximum(mass, 1e-12)[:, None]
    return {
        "entropy": _rounded(entropy(shares).mean()),
        "groups": [
            {
                "share": _rounded(mass[k] / len(shares)),
                "modalities": dict(zip(modalities, map(_rounded, row), strict=True)),
            }
            for k, row in enumerate(by_group)
        ],
        "relations": {
            name: _by_direction(shares, directed, number, len(relations))
            for number, name in enumerate(relations)
            if (directed % len(relations) == number).any()
        },
    }


def _by_direction(
    shares: Float[np.ndarray, "queries groups"],
    directed: Int[np.ndarray, " queries"],
    relation: int,
    relations: int,
) -> dict[str, list[float]]:
    """A relation's mean shares of the groups, by the direction asked for."""
    chosen = {"tail": directed == relation, "head": directed == relation + relations}
    return {
        direction: [_rounded(share) for share in shares[rows].mean(0)]
        for direction, rows in chosen.items()
        if rows.any()
    }


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
