"""Multilevel fusion against POT in float64 and against its own definition."""

import jax
import jax.numpy as jnp
import numpy as np
import ot as pot
import pytest
from flax import nnx

from remote_jax.remote.model.mot import MultilevelTransport

N, D, LEVELS = 5, 8, 3


def make(fusion, blocks=LEVELS, iterations=500, exact=True):
    return MultilevelTransport(
        blocks,
        D,
        fusion=fusion,
        epsilon=0.1,
        iterations=iterations,
        exact=exact,
        alpha=0.95,
        dtype=jnp.float32,
        rngs=nnx.Rngs(0),
    )


def levels(module, lower):
    return [module.level(features) for features in lower]


def features(seed=0):
    rng = np.random.default_rng(seed)
    return [jnp.array(rng.normal(size=(2, N, D)), jnp.float32) for _ in range(LEVELS + 1)]


def plan_of(lower, target, mask):
    """Π* of one example (Eqs. 5-7), with POT, between the positions that exist."""
    mu = np.concatenate([f[mask] for f in lower]).astype(np.float64)
    nu = target[mask].astype(np.float64)
    cost = (
        1
        - (nu / np.linalg.norm(nu, axis=1, keepdims=True))
        @ (mu / np.linalg.norm(mu, axis=1, keepdims=True)).T
    )
    return pot.sinkhorn(
        pot.unif(len(nu)), pot.unif(len(mu)), cost, 0.1, method="sinkhorn_log", numItermax=5000
    )


def reference(lower, target, mask, alpha):
    """F″ of one example (Eq. 8)."""
    plan = plan_of(lower, target, mask)
    mu = np.concatenate([f[mask] for f in lower]).astype(np.float64)
    nu = target[mask].astype(np.float64)
    moved = plan @ mu / plan.sum(1, keepdims=True)
    fused = target.astype(np.float64).copy()
    fused[mask] = alpha * nu + (1 - alpha) * moved
    return fused


def test_fusion_is_equations_5_to_8():
    module = make("sinkhorn")
    alpha = np.linspace(0.1, 0.9, D)
    module.alpha[LEVELS - 1][...] = jnp.array(alpha, jnp.float32)
    *lower, target = features()
    mask = np.array([[True] * N, [True, True, False, True, False]])
    fused = module(levels(module, lower), target, jnp.array(mask)).features
    for b in range(2):
        expected = reference([np.array(f[b]) for f in lower], np.array(target[b]), mask[b], alpha)
        np.testing.assert_allclose(fused[b], expected, atol=2e-4)


@pytest.mark.parametrize("fusion", ["sinkhorn", "cross_attention"])
def test_what_has_no_mass_changes_nothing(fusion):
    module = make(fusion)
    *lower, target = features()
    mask = jnp.array([[True, True, True, False, False]] * 2)
    changed = [f.at[:, 3:].set(1e3) for f in lower]
    np.testing.assert_allclose(
        module(levels(module, lower), target, mask).features[:, :3],
        module(levels(module, changed), target.at[:, 3:].set(-7.0), mask).features[:, :3],
        atol=1e-5,
    )


@pytest.mark.parametrize("fusion", ["sinkhorn", "cross_attention"])
@pytest.mark.parametrize("mask", [np.ones((2, N), bool), np.zeros((2, N), bool)])
def test_identical_features_and_empty_sides_are_finite_with_their_gradient(fusion, mask):
    module = make(fusion)
    same = jnp.ones((2, N, D))

    def total(target):
        return (module(levels(module, [same, target]), target, jnp.array(mask)).features ** 2).sum()

    value, gradient = jax.value_and_grad(total)(same)
    assert jnp.isfinite(value)
    assert jnp.isfinite(gradient).all()


def test_without_fusion_there_are_no_parameters_and_nothing_changes():
    module = make("none")
    *lower, target = features()
    assert not jax.tree.leaves(nnx.state(module, nnx.Param))
    fused = module(levels(module, lower), target, jnp.ones((2, N), bool))
    np.testing.assert_array_equal(fused.features, target)
    assert fused.gauges is None


def test_fused_features_stay_within_reach_of_the_originals_at_the_start():
    module = make("sinkhorn")
    *lower, target = features()
    fused = module(levels(module, lower), target, jnp.ones((2, N), bool)).features
    assert float(jnp.abs(fused - target).max()) < 0.1 * float(jnp.abs(target).max() + 4)


def test_what_fusion_moved_and_how_spread_its_plan_is_are_those_of_the_definition():
    module = make("sinkhorn")
    module.alpha[LEVELS - 1][...] = jnp.linspace(0.1, 0.9, D)
    *lower, target = features()
    mask = np.array([[True] * N, [True, True, False, True, False]])
    fused = module(levels(module, lower), target, jnp.array(mask))
    for b in range(2):
        before, after = (np.array(x[b], np.float64)[mask[b]] for x in (target, fused.features))
        moved = np.linalg.norm(after - before) / np.linalg.norm(before)
        assert fused.gauges.moved[b] == pytest.approx(moved, rel=1e-5)
        plan = plan_of([np.array(f[b]) for f in lower], np.array(target[b]), mask[b])
        entropy = -(plan * np.log(plan)).sum() / np.log(plan.size)
        assert fused.gauges.entropy[b] == pytest.approx(entropy, rel=1e-3)


@pytest.mark.parametrize("exact", [True, False])
def test_newton_steps_finish_a_plan_where_they_are_asked_for(exact):
    """One iteration of Sinkhorn is not enough for these costs."""
    *lower, target = features()
    module = make("sinkhorn", iterations=1, exact=exact)
    mask = np.ones((2, N), bool)
    found = module(levels(module, lower), target, jnp.asarray(mask)).features
    arrays = [np.asarray(f[0]) for f in (*lower, target)]
    expected = reference(arrays[:-1], arrays[-1], mask[0], 0.95)
    assert (np.abs(np.asarray(found[0]) - expected).max() < 1e-5) == exact


def test_gauges_of_an_example_without_positions_are_zero():
    *lower, target = features()
    module = make("sinkhorn")
    found = module(levels(module, lower), target, jnp.zeros((2, N), bool)).gauges
    assert not found.moved.any() and not found.entropy.any()


def half(alpha, target, source):
    """F″ of one position and one source, in bfloat16: there F′ is the source."""
    module = MultilevelTransport(
        1, D, fusion="sinkhorn", epsilon=0.1, iterations=5, exact=True, alpha=alpha,
        dtype=jnp.bfloat16, rngs=nnx.Rngs(0),
    )  # fmt: skip
    return module(levels(module, [source]), target, jnp.ones((1, 1), bool)).features


def test_alpha_is_not_rounded_to_half_precision():
    """0.951 lies between two numbers of bfloat16, 0.9492 and 0.9531."""
    target, source = (f[:1, :1].astype(jnp.bfloat16) for f in features()[:2])
    wide = [np.array(f, np.float64) for f in (target, source * 128)]
    fused = half(0.951, target, source * 128)
    assert fused.dtype == jnp.bfloat16
    expected = 0.951 * wide[0] + (1 - 0.951) * wide[1]
    np.testing.assert_allclose(np.array(fused, np.float64), expected, rtol=2**-8)
    rounded = 0.94921875 * wide[0] + (1 - 0.94921875) * wide[1]
    assert abs(rounded / expected - 1).max() > 2**-6  # the bound above tells them apart


def test_scores_are_not_rounded_to_half_precision_before_the_softmax():
    """768 and 769 are the same number in bfloat16; the softmax of both is not one half."""
    module = MultilevelTransport(
        1, 4, fusion="cross_attention", epsilon=0.1, iterations=5, exact=True, alpha=0.95,
        dtype=jnp.bfloat16, rngs=nnx.Rngs(0),
    )  # fmt: skip
    module.query.kernel[...] = module.key.kernel[...] = jnp.eye(4)
    module.alpha[0][...] = jnp.zeros(4)
    target = jnp.array([[[16, 16, 16, 1]] * 2], jnp.bfloat16)
    sources = jnp.array([[[16, 16, 16, 0], [16, 16, 16, 1]]], jnp.bfloat16)
    fused = module(levels(module, [sources]), target, jnp.ones((1, 2), bool)).features
    assert float(fused[0, 0, 3]) == pytest.approx(1 / (1 + np.exp(-0.5)), abs=5e-3)
