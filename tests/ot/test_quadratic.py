"""Gromov-Wasserstein plans, distances and gradients against POT in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import ot as pot
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from remote_jax.ot import linear, quadratic

N, M, D = 5, 9, 4
BAR = 1e-3
EPSILONS = (0.05, 0.2)


def graph(rng, size, extra=0.1):
    """Features of a random tree with some more edges, and its adjacency."""
    adjacent = np.triu(rng.random((size, size)) < extra, 1)
    for node in range(1, size):
        adjacent[rng.integers(node), node] = True
    return rng.normal(size=(size, D)), adjacent | adjacent.T | np.eye(size, dtype=bool)


def weights(nodes, adjacent):
    """Cosine distances of adjacent nodes, float64."""
    unit = nodes / np.linalg.norm(nodes, axis=1)[:, None]
    return np.where(adjacent, 1 - unit @ unit.T, 0) * (1 - np.eye(len(nodes)))


def sum_of_squares(xx, yy, plan):
    """Eq. 6 for a plan, term by term."""
    difference = (xx[:, None, :, None] - yy[None, :, None, :]) ** 2
    return np.einsum("ijkl,ij,kl->", difference, plan, plan)


def reference(xx, yy, epsilon, start=None):
    """POT's plan and distance, and whether its iterations came to rest."""
    plan, log = pot.gromov.entropic_gromov_wasserstein(
        xx,
        yy,
        epsilon=epsilon,
        G0=start,
        symmetric=True,
        log=True,
        max_iter=300,
        tol=1e-9,
        numItermax=2_000,
        warn=False,
    )
    return plan, log["gw_dist"], log["err"][-1] <= 1e-9


@functools.partial(jax.jit, static_argnames=("epsilon", "from_features"))
def solve(x, adjacent_x, here, y, adjacent_y, there, epsilon, from_features=False):
    a, b, start = linear.uniform(here), linear.uniform(there), None
    if from_features:
        cost = linear.cosine_cost(x, y)
        start = linear.transport_plan(cost, a, b, epsilon=0.1, iterations=50)
    return quadratic.gromov_wasserstein(
        quadratic.edge_costs(x, adjacent_x),
        quadratic.edge_costs(y, adjacent_y),
        a,
        b,
        start=start,
        epsilon=epsilon,
        steps=200,
        iterations=100,
    )


@functools.partial(jax.jit, static_argnames=("epsilon",))
def slopes(x, adjacent_x, here, y, adjacent_y, there, epsilon):
    def total(x, y):
        return solve(x, adjacent_x, here, y, adjacent_y, there, epsilon).distance.sum()

    return jax.grad(total, argnums=(0, 1))(x, y)


def batch(problems):
    """Arrays of `solve` for pairs of graphs, padded to N and M nodes; absent ones hold NaN."""
    sides = []
    for size, graphs in zip((N, M), zip(*problems, strict=True), strict=True):
        nodes = np.full((len(problems), size, D), np.nan, np.float32)
        adjacent = np.zeros((len(problems), size, size), bool)
        mask = np.zeros((len(problems), size), bool)
        for row, (features, edges) in enumerate(graphs):
            count = len(features)
            nodes[row, :count], adjacent[row, :count, :count] = features, edges
            mask[row, :count] = True
        sides += [jnp.asarray(nodes), jnp.asarray(adjacent), jnp.asarray(mask)]
    return sides


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_plans_and_distances_are_those_of_pot(epsilon):
    rng = np.random.default_rng(0)
    problems = [
        (graph(rng, rng.integers(3, N + 1)), graph(rng, rng.integers(4, M + 1))) for _ in range(12)
    ]
    found = solve(*batch(problems), epsilon)
    compared = 0
    for row, (x, y) in enumerate(problems):
        plan, distance, settled = reference(weights(*x), weights(*y), epsilon)
        n, m = plan.shape
        if settled:
            compared += 1
            np.testing.assert_allclose(found.plan[row, :n, :m], plan, atol=BAR * plan.max())
            np.testing.assert_allclose(found.distance[row], distance, atol=BAR)
        assert not found.plan[row, n:].any() and not found.plan[row, :, m:].any()
    assert compared >= 8  # where POT's full steps do not swing for ever


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_every_plan_is_at_rest_where_full_steps_would_swing(epsilon):
    """Optimality in float64: the plan solves the linear problem of its own gradient."""
    rng = np.random.default_rng(5)
    problems = [(graph(rng, N, 0.5), graph(rng, M, 0.3)) for _ in range(12)]
    found = solve(*batch(problems), epsilon)
    for row, (x, y) in enumerate(problems):
        xx, yy, plan = weights(*x), weights(*y), np.array(found.plan[row], np.float64)
        cost = -4 * xx @ plan @ yy
        again = pot.sinkhorn(
            pot.unif(N), pot.unif(M), cost - cost.min(), epsilon, numItermax=5_000, stopThr=1e-12
        )
        np.testing.assert_allclose(plan, again, atol=BAR * plan.max())
        np.testing.assert_allclose(found.distance[row], sum_of_squares(xx, yy, plan), atol=1e-5)


def test_the_gradient_is_that_of_the_entropic_objective():
    """The envelope theorem: finite differences in float64 of min Σ… - ε H, plans solved anew."""
    epsilon, rng = 0.2, np.random.default_rng(3)
    (x, adjacent_x), (y, adjacent_y) = graph(rng, N), graph(rng, M)

    def objective(x, y):
        xx, yy = weights(x, adjacent_x), weights(y, adjacent_y)
        plan, distance, settled = reference(xx, yy, epsilon)
        assert settled
        return distance + epsilon * (plan * np.log(plan)).sum()

    found_x, found_y = slopes(*batch([((x, adjacent_x), (y, adjacent_y))]), epsilon)
    for node, axis in [(0, 0), (2, 1), (4, 3)]:
        step = np.zeros((M, D))
        step[node, axis] = 1e-4
        expected = (objective(x + step[:N], y) - objective(x - step[:N], y)) / 2e-4
        np.testing.assert_allclose(found_x[0, node, axis], expected, atol=1e-4)
        expected = (objective(x, y + step) - objective(x, y - step)) / 2e-4
        np.testing.assert_allclose(found_y[0, node, axis], expected, atol=1e-4)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 10_000))
def test_the_order_of_nodes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    (x, adjacent_x), (y, adjacent_y) = graph(rng, N), graph(rng, M)
    p, q = rng.permutation(N), rng.permutation(M)
    turned = (x[p], adjacent_x[np.ix_(p, p)]), (y[q], adjacent_y[np.ix_(q, q)])
    found, again = (
        solve(*batch([one]), 0.2) for one in (((x, adjacent_x), (y, adjacent_y)), turned)
    )
    np.testing.assert_allclose(again.distance, found.distance, atol=BAR)
    plan = np.array(found.plan[0])
    np.testing.assert_allclose(again.plan[0], plan[np.ix_(p, q)], atol=BAR)


def test_isomorphic_graphs_with_equal_features_are_at_distance_zero():
    """Also those that their edges alone could match in several ways, like the first two.

    ε must be small against differences of edges squared, or the plan blurs them.
    """
    rng = np.random.default_rng(0)
    problems = []
    for size in [2, 3, 4] + [N] * 97:
        x, adjacent = graph(rng, size, 0.3)
        p = rng.permutation(size)
        problems.append(((x, adjacent), (3 * x[p], adjacent[np.ix_(p, p)])))
    found = solve(*batch(problems), 0.002, from_features=True)
    np.testing.assert_allclose(found.distance, 0, atol=BAR)
    other = solve(*batch([(x, graph(rng, N, 0.3)) for x, _ in problems]), 0.002, from_features=True)
    assert (other.distance > 5 * BAR).sum() > 60


def test_a_plan_starts_where_it_is_told():
    rng = np.random.default_rng(2)
    (x, adjacent_x), (y, adjacent_y) = graph(rng, N), graph(rng, M)
    arrays = batch([((x, adjacent_x), (y, adjacent_y))])
    cost = 1 - (x / np.linalg.norm(x, axis=1)[:, None]) @ (y / np.linalg.norm(y, axis=1)[:, None]).T
    start = pot.sinkhorn(pot.unif(N), pot.unif(M), cost, 0.1, stopThr=1e-12)
    plan, distance, settled = reference(weights(x, adjacent_x), weights(y, adjacent_y), 0.05, start)
    assert settled
    found = solve(*arrays, 0.05, from_features=True)
    np.testing.assert_allclose(found.plan[0], plan, atol=BAR * plan.max())
    np.testing.assert_allclose(found.distance[0], distance, atol=BAR)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(0, N), st.integers(0, M), st.sampled_from(range(5)))
@example(112, 5, 8, 2)  # its potentials are thousands of ε
def test_any_graph_has_a_finite_distance_and_gradient(seed, n, m, kind):
    """Empty, of one node, without edges, of copies, of zeros and of wild norms."""
    rng = np.random.default_rng(seed)
    x, adjacent = rng.normal(size=(n, D)), rng.random((n, n)) < rng.random()
    y, other = rng.normal(size=(m, D)), rng.random((m, m)) < rng.random()
    if kind == 1:
        x[:], y[:] = 1, 1
    if kind == 2:
        x[:], y[1:] = 0, 0
    if kind == 3:
        x, y = 1e18 * x, 1e-18 * y
    if kind == 4:
        adjacent[:], other[:] = False, False
    arrays = batch([((x, adjacent | adjacent.T), (y, other | other.T))])
    for epsilon in (0.002, 0.2):
        found, gradients = solve(*arrays, epsilon), slopes(*arrays, epsilon)
        assert jnp.isfinite(found.plan).all() and jnp.isfinite(found.distance).all()
        assert all(jnp.isfinite(slope).all() for slope in gradients)
        if not n or not m:
            assert not found.plan.any() and not found.distance.any()
            assert not any(slope.any() for slope in gradients)
        else:
            np.testing.assert_allclose(found.plan.sum((1, 2)), 1, atol=1e-4)


def test_a_problem_does_not_depend_on_its_neighbours():
    rng = np.random.default_rng(1)
    problems = [(graph(rng, N), graph(rng, M)) for _ in range(12)]
    together = solve(*batch(problems), 0.05)
    alone = solve(*batch(problems[3:4]), 0.05)
    np.testing.assert_allclose(alone.plan[0], together.plan[3], atol=1e-5)
    deep = [jnp.stack([array, array]) for array in batch(problems[3:5])]
    np.testing.assert_allclose(solve(*deep, 0.05).plan[1, 0], alone.plan[0], atol=1e-5)


def test_edge_costs_are_cosine_distances_of_neighbours_alone():
    nodes = jnp.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]])
    adjacent = jnp.array([[True, True, False], [True, False, True], [False, True, True]])
    costs = jax.jit(quadratic.edge_costs)(nodes, adjacent)
    np.testing.assert_allclose(costs, [[0, 1, 0], [1, 0, 1], [0, 1, 0]], atol=1e-6)
