"""L_graph against POT in float64, its switches, and graphs that are not there."""

import jax
import jax.numpy as jnp
import numpy as np
import ot as pot
import pytest

from remote_jax.eega.model.graph_alignment import GraphAlignment, Graphs
from remote_jax.errors import UserError

K, N, D = 4, 7, 5
SETTINGS = {"node_epsilon": 0.1, "edge_epsilon": 0.2, "iterations": 100, "steps": 100}


def graphs(seed, size, counts):
    rng = np.random.default_rng(seed)
    nodes = rng.normal(size=(len(counts), size, D)).astype(np.float32)
    adjacent = rng.random((len(counts), size, size)) < 0.4
    adjacent |= adjacent.swapaxes(1, 2) | np.eye(size, dtype=bool)
    mask = np.arange(size) < np.array(counts)[:, None]
    nodes = np.where(mask[..., None], nodes, np.nan)
    return Graphs(*map(jnp.asarray, (nodes, mask, adjacent)))


def unit(graph, row):
    nodes = np.array(graph.nodes[row], np.float64)[np.array(graph.mask[row])]
    return nodes / np.linalg.norm(nodes, axis=1)[:, None]


def weights(graph, row):
    nodes, there = unit(graph, row), np.array(graph.mask[row])
    adjacent = np.array(graph.adjacent[row])[np.ix_(there, there)]
    return np.where(adjacent, 1 - nodes @ nodes.T, 0) * (1 - np.eye(len(nodes)))


def node_alignment(image, text, row):
    """Eq. 5 and its plan."""
    cost = 1 - unit(image, row) @ unit(text, row).T
    plan = pot.sinkhorn(*map(pot.unif, cost.shape), cost, 0.1, numItermax=5_000, stopThr=1e-12)
    return (plan * cost).sum(), plan


def edge_distance(image, text, row):
    """Eq. 6, from the plan of Eq. 5."""
    _, log = pot.gromov.entropic_gromov_wasserstein(
        weights(image, row),
        weights(text, row),
        epsilon=0.2,
        G0=node_alignment(image, text, row)[1],
        symmetric=True,
        log=True,
        max_iter=300,
    )
    assert log["err"][-1] <= 1e-9
    return log["gw_dist"]


def align(alpha):
    """L_graph of each example, and the plans it is taken at."""
    alignment = GraphAlignment(alpha, **SETTINGS)

    @jax.jit
    def aligned(image, text):
        plans = alignment.plans(image, text)
        return alignment.distance(image, text, plans), plans

    return aligned


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
def test_the_distance_is_equation_7(alpha):
    image, text = graphs(0, K, [4, 3, 2]), graphs(1, N, [7, 5, 6])
    distance, plans = align(alpha)(image, text)
    for row in range(3):
        expected, plan = node_alignment(image, text, row)
        np.testing.assert_allclose(plans.nodes[row, : len(plan), : plan.shape[1]], plan, atol=1e-5)
        expected = alpha * expected + (1 - alpha) * edge_distance(image, text, row)
        np.testing.assert_allclose(distance[row], expected, atol=1e-3)
    assert plans.edges.any() == (alpha < 1)


def test_equation_6_is_a_sum_over_all_pairs_of_nodes():
    """Literally, at the plan that is found: an edge on two words without one costs its square."""
    image, text = graphs(2, K, [4]), graphs(3, N, [6])
    distance, plans = align(0.0)(image, text)
    plan, x, y = np.array(plans.edges[0, :4, :6]), weights(image, 0), weights(text, 0)
    pairs = np.ndindex(4, 4, 6, 6)
    terms = {p: (x[p[:2]] - y[p[2:]]) ** 2 * plan[p[0], p[2]] * plan[p[1], p[3]] for p in pairs}
    np.testing.assert_allclose(distance[0], sum(terms.values()), rtol=1e-4)
    on_edges = sum(term for p, term in terms.items() if x[p[:2]] and y[p[2:]])
    assert on_edges < 0.9 * sum(terms.values())


def test_a_graph_of_one_node_or_none_has_no_distance_and_no_gradient():
    """No picture, one object, one word, no word, and an example that is aligned."""
    counts = ([0, 1, 3, 3, 3], [5, 4, 1, 0, 5])
    image, text = graphs(0, K, counts[0]), graphs(1, N, counts[1])
    alignment = GraphAlignment(0.4, **SETTINGS)

    @jax.jit
    def loss(x, y):
        pair = image._replace(nodes=x), text._replace(nodes=y)
        plans = alignment.plans(*pair)
        return alignment.loss(*pair, plans), (alignment.distance(*pair, plans), plans)

    slopes, (distance, plans) = jax.grad(loss, argnums=(0, 1), has_aux=True)(
        image.nodes, text.nodes
    )
    assert plans.aligned.tolist() == [False] * 4 + [True]
    assert not distance[:4].any() and not plans.nodes[:4].any() and not plans.edges[:4].any()
    for slope in slopes:
        assert jnp.isfinite(slope).all() and not slope[:4].any() and slope[4].any()
    np.testing.assert_allclose(loss(image.nodes, text.nodes)[0], distance[4], rtol=1e-6)


def test_a_batch_of_which_nothing_is_aligned_has_no_loss():
    image, text = graphs(0, K, [1, 0]), graphs(1, N, [5, 4])
    alignment = GraphAlignment(0.4, **SETTINGS)
    assert alignment.loss(image, text, alignment.plans(image, text)) == 0


def test_a_step_down_the_gradient_brings_graphs_closer():
    image, text = graphs(0, K, [4, 3]), graphs(1, N, [7, 5])
    image, text = (g._replace(nodes=jnp.nan_to_num(g.nodes)) for g in (image, text))
    alignment = GraphAlignment(0.4, **SETTINGS)

    @jax.jit
    def total(nodes):
        moved = image._replace(nodes=nodes)
        return alignment.loss(moved, text, alignment.plans(moved, text))

    before, slope = jax.value_and_grad(total)(image.nodes)
    assert total(image.nodes - 0.1 * slope) < before


@pytest.mark.parametrize(
    "wrong", [{"alpha": 1.5}, {"edge_epsilon": 0.0}, {"steps": 0}, {"alpha": float("nan")}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(UserError, match=f"{next(iter(wrong))} of the graph alignment is"):
        GraphAlignment(**{"alpha": 0.4, **SETTINGS, **wrong})
