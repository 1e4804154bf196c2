"""Neutral elements, against models that were built without the mechanism."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from roam_models import COMPLEX, DECISION, answers, config, model, queries

from remote_jax.roam.model.counterfactuals import NEUTRAL, mechanisms, take_away
from remote_jax.training.state import split

KINDS = pytest.mark.parametrize("kind", [COMPLEX, DECISION])


@KINDS
@pytest.mark.parametrize("name", list(NEUTRAL))
def test_each_changes_scores_and_no_parameter(kind: dict[str, object], name: str) -> None:
    it, rest = model(**kind), model(**kind)
    take_away(rest, [name])
    one, other = split(it)[1], split(rest)[1]
    assert one.keys() == other.keys()
    assert all((one[key] == other[key]).all() for key in one)
    found = answers(rest, queries())
    assert np.isfinite(found).all()
    assert not np.allclose(found, answers(it, queries()), atol=1e-6)


@KINDS
def test_nothing_taken_away_is_the_whole_model(kind: dict[str, object]) -> None:
    it, rest = model(**kind), model(**kind)
    take_away(rest, [])
    np.testing.assert_array_equal(answers(rest, queries()), answers(it, queries()))


@KINDS
def test_without_a_router_shares_are_equal(kind: dict[str, object]) -> None:
    it = model(**kind)
    take_away(it, ["router"])
    _, routed = it.heads(it.encode(), queries())
    np.testing.assert_allclose(routed.shares, 1 / 3, rtol=1e-6)


@KINDS
def test_without_experts_groups_differ_in_their_bias_alone(kind: dict[str, object]) -> None:
    it = model(**kind)
    take_away(it, ["experts"])
    v = np.asarray(it.encode().v)
    np.testing.assert_allclose(v, np.broadcast_to(v[:, :1], v.shape), atol=1e-6)  # biases are 0


@KINDS
def test_without_features_nothing_moves_with_them(kind: dict[str, object]) -> None:
    it = model(**kind)
    take_away(it, ["features"])
    before = answers(it, queries())
    for table in it.features.values():
        table.values.set_value(table.values[...] + 1.0)
    np.testing.assert_array_equal(answers(it, queries()), before)


def test_without_fusion_weights_are_equal_among_those_present() -> None:
    it = model(**DECISION)
    take_away(it, ["fusion"])
    encoded = it.encode()
    _, routed = it.heads(encoded, queries())
    there = encoded.present[:, queries()[:, 0]]
    np.testing.assert_allclose(routed.weights[:, 0], there / there.sum(0), atol=1e-6)
    assert jnp.isfinite(routed.cost).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"router", "experts", "fusion", "features"}),
        ({"model.groups": 1}, {"experts", "fusion", "features"}),
        ({"model.groups": 1, "model.hidden": 0}, {"fusion", "features"}),
        ({"features.image": "", "features.text": ""}, {"router", "experts"}),
        ({"features.structure": False}, {"router", "experts", "fusion"}),
    ],
)
def test_only_mechanisms_that_a_config_has(changes: dict[str, object], expected: set[str]) -> None:
    assert set(mechanisms(config(**changes))) == expected
