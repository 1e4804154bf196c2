"""What router and fusion do on a split, as a few numbers, and when that is nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from remote_jax.reporting.information import entropy, information
from remote_jax.task import GAUGE

NO_DEVIATION = 1e-3
"""Deviation of costs, which lie in [0, 2], below which no query differs from another."""
NO_INFORMATION = 1e-2
"""Nats below which shares say nothing about what is asked."""


def gauges(
    modalities: Sequence[str],
    directed: Int[np.ndarray, " queries"],
    outputs: Mapping[str, np.ndarray],
) -> dict[str, float]:
    """Means over the queries of a split; entropies and informations in nats.

    `router/cost_deviation`: of a group's costs over queries, counted from a query's mean cost, the
    mean over groups. `router/entropy`: of a query's shares. `router/information` and
    `router/information_of_relation`: mutual information of the group with the query, and with its
    directed relation (both at most log K). `fusion/NAME`: the weight of a modality;
    `fusion/information_of_relation`: mutual information of the modality with the relation.

    With one group, or one modality, there is nothing to say of it.

    Args:
        directed: the relation of each query, past their number for the reciprocal ones.
        outputs: `shares` and `gauge/cost` [queries, groups], `weights` [queries, groups,
            modalities].
    """
    found: dict[str, float] = {}
    shares = outputs["shares"].astype(float)
    if shares.shape[1] > 1:
        costs = outputs[f"{GAUGE}cost"].astype(float)
        differences = costs - costs.mean(1, keepdims=True)
        found |= {
            "router/cost_deviation": float(differences.std(0).mean()),
            "router/entropy": float(entropy(shares).mean()),
            "router/information": information(shares, np.arange(len(shares))),
            "router/information_of_relation": information(shares, directed),
        }
    if len(modalities) > 1:
        weights = (shares[..., None] * outputs["weights"]).sum(1)
        found |= {
            f"fusion/{name}": float(column.mean())
            for name, column in zip(modalities, weights.T, strict=True)
        }
        found["fusion/information_of_relation"] = information(weights, directed)
    return found


def collapsed(groups: int, found: Mapping[str, float]) -> list[str]:
    """A sentence on the router, where it gives every query the same shares."""
    deviation = found.get("router/cost_deviation", math.inf)
    told = found.get("router/information", math.inf)
    if deviation > NO_DEVIATION and told > NO_INFORMATION:
        return []
    return [
        f"the router has collapsed: costs of the {groups} groups differ by {deviation:.1g} over "
        f"queries, and a query's shares tell {told:.1g} of at most {math.log(groups):.2f} nats "
        "about it, so that all queries go to the groups alike and the experts of the groups are "
        "one; model.router.cost=angular keeps a slope, a lower model.router.epsilon makes shares "
        "differ more"
    ]
