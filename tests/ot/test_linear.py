"""Plans and gradients against POT in float64, and against what any plan must satisfy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import ot as pot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.ot import linear

N, M, D = 5, 15, 6
# Largest error of a plan and of a gradient, as a share of the largest entry of the reference.
BARS = {"spread": 1e-4, "correlated": 1e-4, "masked": 1e-4, "contained": 1e-2, "copies": 1e-2}
EPSILONS = (0.05, 0.1)


def case(name: str, seed: int):
    """Targets, sources and their masks, float64."""
    rng = np.random.default_rng(seed)
    targets, sources = rng.normal(size=(N, D)), rng.normal(size=(M, D))
    here, there = np.ones(N, bool), np.ones(M, bool)
    if name == "correlated":
        common = 2 * rng.normal(size=D)
        targets, sources = common + targets, common + sources
    if name == "masked":
        here[3:], there[[0, 7, 8]] = False, False
    if name == "contained":
        sources[:N] = targets
    if name == "copies":
        sources = np.tile(targets, (M // N, 1))
    return targets, sources, here, there


def reference_plan(targets, sources, here, there, epsilon):
    """Eq. 6 by POT's log-domain Sinkhorn run to convergence; zeros where nothing is."""
    nu, mu = targets[here], sources[there]
    cosine = (nu / np.linalg.norm(nu, axis=1)[:, None]) @ (
        mu / np.linalg.norm(mu, axis=1)[:, None]
    ).T
    solved = pot.sinkhorn(
        pot.unif(len(nu)),
        pot.unif(len(mu)),
        1 - cosine,
        epsilon,
        method="sinkhorn_log",
        numItermax=5_000,
        stopThr=1e-12,
        warn=False,  # copies pass mass between themselves too slowly; their plan is right
    )
    plan = np.zeros((len(targets), len(sources)))
    plan[np.ix_(here, there)] = solved
    return plan


@functools.partial(jax.jit, static_argnames="epsilon")
def plan_of(targets, sources, here, there, epsilon):
    return linear.transport_plan(
        linear.cosine_cost(targets, sources),
        linear.uniform(here),
        linear.uniform(there),
        epsilon=epsilon,
        iterations=100,
    )


def as_float32(*arrays):
    return [np.asarray(a, bool if a.dtype == bool else np.float32) for a in arrays]


def error(found, expected) -> float:
    return float(np.abs(np.asarray(found) - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", BARS)
def test_plans_are_those_of_pot(name, epsilon):
    for seed in range(3):
        inputs = case(name, seed)
        found = plan_of(*as_float32(*inputs), epsilon)
        assert error(found, reference_plan(*inputs, epsilon)) < BARS[name]


def settled_plans(targets, sources, epsilon):
    """Eq. 6 for stacked float64 features, by Sinkhorn until nothing changes: POT's plans, but fast
    and exact enough for finite differences."""
    nu = targets / np.linalg.norm(targets, axis=-1, keepdims=True)
    mu = sources / np.linalg.norm(sources, axis=-1, keepdims=True)
    kernel = np.exp((nu @ mu.swapaxes(-1, -2) - 1) / epsilon)
    u = np.ones((*kernel.shape[:-1], 1))
    for _ in range(50_000):
        v = 1 / kernel.shape[-1] / (kernel.swapaxes(-1, -2) @ u)
        u, last = 1 / kernel.shape[-2] / (kernel @ v), u
        if np.abs(u / last - 1).max() < 1e-14:
            break
    return u * kernel * v.swapaxes(-1, -2)


@pytest.mark.parametrize("name", BARS)
def test_the_settled_plans_are_those_of_pot(name):
    inputs = targets, sources, here, there = case(name, 11)
    plan = reference_plan(*inputs, 0.1)[np.ix_(here, there)]
    np.testing.assert_allclose(settled_plans(targets[here], sources[there], 0.1), plan, atol=1e-9)


@functools.partial(jax.jit, static_argnames="epsilon")
@jax.grad
def slopes_of(points, weight, here, there, epsilon):
    """Of a weighted sum of the plan's entries, by targets and sources."""
    return (weight * plan_of(points[:N], points[N:], here, there, epsilon)).sum()


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("name", BARS)
def test_gradients_are_finite_differences_in_float64(name, epsilon):
    targets, sources, here, there = case(name, 11)
    weight = np.random.default_rng(1).normal(size=(N, M))
    points, present = np.concatenate([targets, sources]), np.concatenate([here, there])

    def exact(points):
        plans = settled_plans(points[:, :N][:, here], points[:, N:][:, there], epsilon)
        return (weight[np.ix_(here, there)] * plans).sum((1, 2))

    step = 1e-5 * np.eye(points.size).reshape(-1, *points.shape)
    slopes = (exact(points + step) - exact(points - step)) / 2e-5
    expected = slopes.reshape(points.shape) * present[:, None]
    found = slopes_of(*as_float32(points, weight, here, there), epsilon)
    assert error(found, expected) < BARS[name]
    np.testing.assert_array_equal(np.asarray(found)[~present], 0)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_gradients_keep_their_digits_where_nearly_all_cancels(epsilon):
    """A constant added to a row or a column of the cost changes no plan: both sums are zero. Of
    G = O(1) only a share of exp(-1/ε) is left here, as each target has a source to itself."""
    rng = np.random.default_rng(0)
    noise, weight = rng.normal(size=(2, 6, 6)).astype(np.float32)
    cost = 1 - np.eye(6, dtype=np.float32) + np.float32(0.01) * noise
    masses = linear.uniform(jnp.ones(6, bool))

    @jax.jit
    @jax.grad
    def slopes(cost):
        plan = linear.transport_plan(cost, masses, masses, epsilon=epsilon, iterations=50)
        return (weight * plan).sum()

    slope = np.asarray(slopes(cost), np.float64)
    size = np.abs(slope).max()
    assert 0 < size < 10 * np.exp(-0.9 / epsilon)
    np.testing.assert_allclose(slope.sum(0), 0, atol=1e-4 * size)
    np.testing.assert_allclose(slope.sum(1), 0, atol=1e-4 * size)


def hostile(count: int):
    """Random problems of one static shape: any masks, all-equal points, zeros, wild norms."""
    rng = np.random.default_rng(0)
    n, m, d = 6, 12, 4
    targets = rng.normal(size=(count, n, d)).astype(np.float32)
    sources = rng.normal(size=(count, m, d)).astype(np.float32)
    kind = rng.integers(0, 6, count)
    sources[kind == 1, :n] = targets[kind == 1]
    targets[kind == 2], sources[kind == 2] = 1.0, 1.0
    targets[kind == 3, 0], sources[kind == 3, :3] = 0.0, 0.0
    scale = 10.0 ** rng.uniform(-18, 18, (count, 1, 1)).astype(np.float32)
    targets[kind == 4] *= scale[kind == 4]
    sources[kind == 4] *= scale[kind == 4]
    here = rng.random((count, n)) < rng.random((count, 1)) * 1.3
    there = rng.random((count, m)) < rng.random((count, 1)) * 1.3
    here[rng.random(count) < 0.05], there[rng.random(count) < 0.05] = False, False
    return targets, sources, here, there


@pytest.mark.parametrize("epsilon", [0.1, 0.02])
def test_ten_thousand_hostile_problems_stay_finite_and_keep_their_marginals(epsilon):
    count = 10_000 if epsilon == 0.1 else 1_000
    targets, sources, here, there = as_float32(*hostile(count))

    @jax.jit
    def solve(targets, sources):
        def total(targets, sources):
            plan = plan_of(targets, sources, here, there, epsilon)
            moved = linear.barycentre(plan, sources)
            return (plan**2).sum() + jnp.tanh(moved).sum(), plan

        return jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(targets, sources)

    (_, plans), gradients = solve(targets, sources)
    assert all(np.isfinite(one).all() for one in (plans, *gradients))
    masses = [np.asarray(linear.uniform(one)) for one in (here, there)]
    plans, here, there = map(np.asarray, (plans, here, there))
    both = here.any(1) & there.any(1)
    np.testing.assert_array_equal(plans[~both], 0)
    np.testing.assert_array_equal(np.where(here[:, :, None] & there[:, None, :], 0, plans), 0)
    rows = np.where(both[:, None], masses[0], 0)
    np.testing.assert_allclose(plans.sum(2), rows, atol=1e-5)
    columns = np.where(both[:, None], masses[1], 0)
    np.testing.assert_allclose(plans.sum(1), columns, atol=1e-4)


def test_a_problem_does_not_depend_on_its_neighbours():
    targets, sources, here, there = hostile(64)
    together = plan_of(targets, sources, here, there, 0.1)
    for index in range(0, 64, 7):
        alone = plan_of(targets[index], sources[index], here[index], there[index], 0.1)
        np.testing.assert_allclose(alone, together[index], atol=2e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_the_plan_turns_with_its_rows_and_columns(seed):
    targets, sources, here, there = as_float32(*case("correlated", seed))
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(N), rng.permutation(M)
    plain = plan_of(targets, sources, here, there, 0.1)
    turned = plan_of(targets[rows], sources[columns], here[rows], there[columns], 0.1)
    np.testing.assert_allclose(turned, np.asarray(plain)[rows][:, columns], atol=1e-6)


def test_the_barycentre_is_a_convex_combination_and_zero_without_mass():
    plan = jnp.array([[0.1, 0.3, 0.0], [0.0, 0.0, 0.0]])
    sources = jnp.array([[1.0, 0.0], [0.0, 4.0], [9.0, 9.0]])
    np.testing.assert_allclose(
        linear.barycentre(plan, sources), [[0.25, 3.0], [0.0, 0.0]], atol=1e-6
    )


def test_uniform_masses():
    masses = linear.uniform(jnp.array([[True, False, True], [False] * 3]))
    np.testing.assert_array_equal(masses, [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]])


def test_half_precision_features_are_solved_in_float32():
    targets, sources, here, there = case("spread", 0)
    half = functools.partial(jnp.asarray, dtype=jnp.bfloat16)
    plan = plan_of(half(targets), half(sources), *as_float32(here, there), 0.1)
    assert plan.dtype == jnp.float32
    assert linear.barycentre(plan, half(sources)).dtype == jnp.bfloat16


def test_what_is_absent_may_cost_anything():
    targets, sources, here, there = as_float32(*case("masked", 0))
    cost = linear.cosine_cost(targets, sources)
    present = here[:, None] & there[None, :]
    masses = linear.uniform(here), linear.uniform(there)

    @jax.jit
    def plan_and_slope(changed):
        solve = functools.partial(linear.transport_plan, epsilon=0.1, iterations=100)
        plan, back = jax.vjp(lambda x: solve(x, *masses), changed)
        return plan, back(cost)[0]

    expected, slope = plan_and_slope(cost)
    for absent in (np.nan, np.inf, -1e9):
        found, changed = plan_and_slope(jnp.where(present, cost, absent))
        np.testing.assert_allclose(found, expected, atol=1e-7)
        np.testing.assert_array_equal(changed, slope)


def test_more_targets_than_sources_and_several_leading_dimensions():
    targets, sources, here, there = case("masked", 3)
    tall = as_float32(sources, targets, there, here)
    plan = plan_of(*tall, 0.1)
    np.testing.assert_allclose(
        plan.T, reference_plan(targets, sources, here, there, 0.1), atol=1e-6
    )
    deep = plan_of(*(jnp.broadcast_to(x, (2, 3, *x.shape)) for x in tall), 0.1)
    np.testing.assert_allclose(deep[1, 2], plan, atol=1e-7)


def test_masses_get_no_gradient():
    targets, sources, here, there = as_float32(*case("masked", 0))
    cost = linear.cosine_cost(targets, sources)

    def total(a, b):
        return (linear.transport_plan(cost, a, b, epsilon=0.1, iterations=20) ** 2).sum()

    slopes = jax.jit(jax.grad(total, argnums=(0, 1)))
    for slope in slopes(linear.uniform(here), linear.uniform(there)):
        np.testing.assert_array_equal(slope, 0)


@pytest.mark.parametrize("iterations", [1, 3, 5, 7, 12])
def test_the_limit_of_iterations_is_exact(iterations):
    """Potentials are those of so many iterations in NumPy, also where five does not divide them."""
    rng = np.random.default_rng(3)
    cost = 2 * rng.random((1, 6, 8))
    a, b = np.full(6, 1 / 6), rng.dirichlet(np.ones(8))
    kernel = np.exp(-cost[0] / 0.06)
    u, v = np.ones(6), np.ones(8)
    for _ in range(iterations):
        v = b / (kernel.T @ u)
        u = a / (kernel @ v)
    found = linear.solve(*as_float32(cost, a[None], b[None]), 0.06, iterations)
    np.testing.assert_allclose(found.f[0], 0.06 * np.log(u), atol=1e-4)
    np.testing.assert_allclose(found.g[0], 0.06 * np.log(v), atol=1e-4)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("epsilon", [2.5e-4, 2.5e-3])
def test_rows_are_right_where_potentials_are_thousands_of_epsilons(epsilon, exact):
    """Rounding of f and g alone would move them by 1e-4 of their mass."""
    rng = np.random.default_rng(4)
    cost = rng.uniform(0, 2, (64, 5, 8))
    here, there = rng.random((64, 5)) < 0.9, rng.random((64, 8)) < 0.9
    here[:, 0], there[:, 0] = True, True
    a, b = linear.uniform(jnp.asarray(here)), linear.uniform(jnp.asarray(there))
    found = linear.solve(jnp.asarray(cost, jnp.float32), a, b, epsilon, 100, exact=exact)
    np.testing.assert_allclose(found.plan.sum(2), a, atol=1e-6)
