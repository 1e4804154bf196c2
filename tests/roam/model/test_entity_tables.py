"""What the data say about each entity, in tables that devices can share."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.roam.model.entity_tables import SHARED, FeatureTable, SeenEntities


@pytest.mark.parametrize("entities", [1, SHARED, SHARED + 1])
def test_tables_have_rows_of_nothing_to_be_shared(entities: int) -> None:
    rng = np.random.default_rng(0)
    values, present = rng.normal(size=(entities, 3)).astype(np.float32), rng.random(entities) < 0.5
    features, seen = FeatureTable(entities, 3), SeenEntities(entities, hidden=0.0)
    features.fill(jnp.asarray(values), jnp.asarray(present))
    seen.fill(jnp.asarray(present))
    for table in (features.values, features.present, seen.present):
        assert len(table) % SHARED == 0 and entities <= len(table) < entities + SHARED
    found, there = features()
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(there, present)
    np.testing.assert_array_equal(seen(), present)
    np.testing.assert_array_equal(seen(nnx.Rngs(0)), present)


def test_a_share_of_the_seen_is_hidden_in_training() -> None:
    seen, present = SeenEntities(4000, hidden=0.25), np.arange(4000) % 2 == 0
    seen.fill(jnp.asarray(present))
    np.testing.assert_array_equal(seen(), present)
    shown = np.asarray(seen(nnx.Rngs(0)))
    assert not shown[~present].any()
    assert shown[present].mean() == pytest.approx(0.75, abs=0.04)
