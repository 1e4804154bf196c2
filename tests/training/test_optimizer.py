"""The optimizer: its schedules, AdamW written out, and what is left alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toy

from remote_jax.training.optimizer import SCHEDULES, Schedule, _clipped, make_optimizer


def schedule(name: str, peak: float, warmup: float, steps: int, **changes: float) -> Schedule:
    values = {"learning_rate": peak, "warmup": warmup, **changes}
    config = toy.get_config(**{f"train.{key}": value for key, value in values.items()})
    return SCHEDULES[name](config.train, steps)


def test_schedule_rises_to_the_peak_and_falls_to_nothing() -> None:
    rate = schedule("linear", 2.0, 0.2, 50)
    rates = np.array([rate(step) for step in range(51)])
    assert rates[0] == pytest.approx(0.2) and rates[9] == rates.max() == pytest.approx(2.0)
    np.testing.assert_allclose(rates[10:], 2.0 * (50 - np.arange(10, 51)) / 40, atol=1e-6)


def test_optimizer_clips_decays_and_has_two_rates() -> None:
    """Against AdamW written out for its first step, where the moments cancel to a sign."""
    config = toy.get_config(
        **{
            "train.learning_rate": 0.1,
            "train.new_learning_rate": 0.3,
            "train.warmup": 0.0,
            "train.weight_decay": 0.5,
            "train.clip": 1e-3,
        }
    ).train
    optimizer, _ = make_optimizer(config, 10)
    params = {"text/bert/kernel": jnp.full((2, 2), 3.0), "head/bias": jnp.full(2, 3.0)}
    gradients = {"text/bert/kernel": jnp.full((2, 2), -7.0), "head/bias": jnp.full(2, 9.0)}
    updates, state = optimizer.update(gradients, optimizer.init(params), params)
    np.testing.assert_allclose(updates["text/bert/kernel"], -0.1 * (-1 + 0.5 * 3.0), rtol=1e-4)
    np.testing.assert_allclose(updates["head/bias"], -0.3, rtol=1e-4)
    first = jax.tree_util.tree_leaves_with_path(state)
    moments = [x for path, x in first if "mu" in jax.tree_util.keystr(path)]
    norm = np.sqrt(sum(float(jnp.sum((x / 0.1) ** 2)) for x in moments))
    assert norm == pytest.approx(1e-3, rel=1e-4)


@pytest.mark.parametrize("size", [0.0, 1e-3, 0.5, 2.0, 1e6])
def test_clipping_is_that_of_optax(size: float) -> None:
    normal = np.random.default_rng(0).normal
    gradients = {name: jnp.asarray(size * normal(size=(3, 4)), jnp.float32) for name in "ab"}
    expected, _ = optax.clip_by_global_norm(2.5).update(gradients, optax.EmptyState())
    found = _clipped(2.5, gradients, None)
    for name in gradients:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)


def test_constant_schedule_stays_at_the_peak() -> None:
    rate = schedule("constant", 2.0, 0.1, 50)
    np.testing.assert_allclose([rate(step) for step in range(5)], [0.4, 0.8, 1.2, 1.6, 2.0])
    assert rate(49) == 2.0 and schedule("constant", 2.0, 0.0, 50)(0) == 2.0


def test_step_schedule_is_halved_at_the_ends_of_epochs() -> None:
    """70 epochs of 3 steps, halved every 30: three plateaus, whatever the length of the run."""
    rate = schedule("step", 2e-5, 0.0, 210, epochs=70.0, decay_every=30.0)
    expected = [2e-5 / 2 ** (step // 3 // 30) for step in range(210)]
    np.testing.assert_allclose([rate(step) for step in range(210)], expected, rtol=1e-6)
    longer = schedule("step", 2e-5, 0.0, 300, epochs=100.0, decay_every=30.0)
    np.testing.assert_allclose([longer(step) for step in range(210)], expected, rtol=1e-6)
    assert schedule("step", 2.0, 0.1, 40, epochs=2.0, decay_every=1e-9)(0) == 0.5


def test_without_decay_and_clipping_it_is_adam() -> None:
    """Against Kingma and Ba's algorithm, written out, on gradients that clipping would change."""
    changes = {"learning_rate": 0.01, "warmup": 0.0, "weight_decay": 0.0, "clip": 0.0}
    config = toy.get_config(**{f"train.{key}": value for key, value in changes.items()}).train
    config.schedule = "constant"
    optimizer, _ = make_optimizer(config, 10)
    params = {"head/kernel": jnp.ones((2, 2))}
    state, value = optimizer.init(params), np.ones((2, 2))
    first = second = np.zeros((2, 2))
    for step, gradient in enumerate(np.random.default_rng(0).normal(0, 50, (5, 2, 2)), 1):
        updates, state = optimizer.update({"head/kernel": jnp.array(gradient)}, state, params)
        params = {"head/kernel": params["head/kernel"] + updates["head/kernel"]}
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        corrected = first / (1 - 0.9**step), second / (1 - 0.999**step)
        value = value - 0.01 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    np.testing.assert_allclose(params["head/kernel"], value, rtol=1e-5)


@pytest.mark.parametrize("name", ["features/image", "seen/present", "text/bert/words", "structure"])
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_frozen_parameters_stay_and_have_no_moments(name: str, optimizer: str) -> None:
    """Whatever their gradient is, which has no part in the norm that is clipped either."""
    changes = {"optimizer": optimizer, "weight_decay": 0.5, "new_learning_rate": 0.1}
    config = toy.get_config(**{f"train.{key}": value for key, value in changes.items()}).train
    config.frozen = "text/bert, structure"
    made, _ = make_optimizer(config, 10)
    params = {name: jnp.full((2, 3), 3.0), "head": jnp.ones((5, 1))}
    gradients = {name: jnp.full((2, 3), 1e9), "head": jnp.full((5, 1), 1e-3)}
    state = made.init(params)
    assert not any(leaf.shape == (2, 3) for leaf in jax.tree.leaves(state))
    updates, state = made.update(gradients, state, params)
    assert not updates[name].any() and (updates["head"] < 0).all()
    moments = [leaf for leaf in jax.tree.leaves(state) if leaf.shape == (5, 1)]
    assert moments and max(float(abs(leaf).max()) for leaf in moments) > 1e-5


def test_adagrad_moves_the_tables_and_adam_the_rest() -> None:
    """Two steps written out; gradients as small as those of a batch's mean."""
    config = toy.get_config(
        **{
            "train.optimizer": "adagrad",
            "train.learning_rate": 0.1,
            "train.new_learning_rate": 0.001,
            "train.schedule": "constant",
            "train.warmup": 0.0,
            "train.weight_decay": 0.0,
        }
    ).train
    optimizer, _ = make_optimizer(config, 10)
    params = {"structure": jnp.ones((2, 1)), "relations": jnp.ones((1, 1)), "core": jnp.ones(1)}
    state = optimizer.init(params)
    first = {"structure": jnp.array([[3e-8], [0.0]]), "relations": jnp.full((1, 1), -2e-6)}
    gradients = {**first, "core": jnp.full(1, 1e-3)}
    updates, state = optimizer.update(gradients, state, params)
    np.testing.assert_allclose(updates["structure"], [[-0.1], [0.0]], rtol=1e-4)
    np.testing.assert_allclose(updates["relations"], [[0.1]], rtol=1e-4)
    np.testing.assert_allclose(updates["core"], [-0.001], rtol=1e-3)
    gradients["structure"] = jnp.array([[4e-8], [5e-3]])
    updates, _ = optimizer.update(gradients, state, params)
    np.testing.assert_allclose(updates["structure"], [[-0.1 * 4 / 5], [-0.1]], rtol=1e-4)
