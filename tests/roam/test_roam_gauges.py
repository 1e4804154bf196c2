"""Gauges of a router that acts, and of one that was saturated by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from roam_models import model, queries

from remote_jax.roam.gauges import collapsed, gauges


def measured(it: object) -> dict[str, float]:
    asked = queries(200)
    _, routed = it(asked, it.all_candidates())
    outputs = {
        "shares": np.asarray(routed.group_shares.T),
        "gauge/cost": np.asarray(routed.group_costs.T),
        "weights": np.asarray(routed.weights.transpose(2, 1, 0)),
    }
    return gauges(("structure", "image", "text"), np.asarray(asked)[:, 1], outputs)


def test_a_router_that_acts_is_not_said_to_have_collapsed() -> None:
    found = measured(model())
    assert found["router/information"] > found["router/information_of_relation"] > 0
    assert sum(found[f"fusion/{name}"] for name in ("structure", "image", "text")) == pytest.approx(
        1.0, abs=1e-5
    )
    assert collapsed(3, found) == []


def test_a_saturated_cost_is_said() -> None:
    """φ at the end of its range, where its slope is 0."""
    it = model()
    it.cost.out.bias.set_value(jnp.full_like(it.cost.out.bias[...], 50.0))
    (sentence,) = collapsed(3, measured(it))
    assert "the router has collapsed" in sentence and "3 groups" in sentence


def test_one_group_has_no_gauge_and_no_sentence() -> None:
    outputs = {
        "shares": np.ones((4, 1)),
        "gauge/cost": np.ones((4, 1)),
        "weights": np.ones((4, 1, 1)),
    }
    assert gauges(("structure",), np.arange(4), outputs) == {}
    assert collapsed(1, {}) == []
