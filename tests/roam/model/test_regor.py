"""The cost of Eq. 6: against its parts written out, and what its gradient reaches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.roam.model import moseg, regor

FLOAT32 = jnp.dtype("float32")
GROUPS, HIDDEN, DIM = 3, 5, 4
LENGTHS = (4, 7)


def experts() -> nnx.List:
    rngs = nnx.Rngs(0)
    return nnx.List(
        [moseg.Experts(f, HIDDEN, DIM, GROUPS, dtype=FLOAT32, rngs=rngs) for f in LENGTHS]
    )


def test_learnable_cost_is_an_mlp_over_the_concatenation() -> None:
    cost = regor.LearnableCost(3, 2, 6, dtype=FLOAT32, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(GROUPS, 8, 3)), rng.normal(size=(GROUPS, 2))
    kernel = np.concatenate([cost.left.kernel[...], cost.right.kernel[...]])
    found = cost(jnp.asarray(left), jnp.asarray(right))

    def normal(x: np.ndarray) -> np.ndarray:
        return (x - x.mean()) / np.sqrt(x.var() + 1e-6)

    for k in range(GROUPS):
        for n in range(8):
            hidden = np.maximum(np.concatenate([normal(left[k, n]), normal(right[k])]) @ kernel, 0)
            logit = hidden @ np.asarray(cost.out.kernel[...])[:, 0]
            assert found[k, n] == pytest.approx(2 / (1 + np.exp(-logit)), abs=1e-5)


def test_cosine_cost() -> None:
    left = jnp.array([[[3.0, 4.0], [-2.0, 0.0], [0.0, 0.0]]])
    found = regor.CosineCost()(left, jnp.array([[1.0, 0.0]]))
    np.testing.assert_allclose(found, [[0.4, 2.0, 1.0]], atol=1e-5)
    gradient = jax.grad(lambda x: regor.CosineCost()(x, jnp.ones((1, 2))).sum())(left)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("kind", ["parameters", "prototype"])
def test_gradient_of_the_cost_reaches_every_parameter_of_every_expert(kind: str) -> None:
    """Through g alone: what the cost compares with g is held."""
    rngs = nnx.Rngs(1)
    summary = (
        regor.ParameterSummary(LENGTHS, HIDDEN, DIM, DIM, rngs=rngs)
        if kind == "parameters"
        else regor.Prototypes((GROUPS, DIM), rngs=rngs)
    )
    cost = regor.LearnableCost(DIM, DIM, 16, dtype=FLOAT32, rngs=rngs)
    left = jnp.asarray(np.random.default_rng(2).normal(size=(GROUPS, 20, DIM)))
    graph, state = nnx.split(experts())

    def total(state: nnx.State) -> jax.Array:
        return cost(left, summary(list(nnx.merge(graph, state)))).sum()

    gradients = jax.tree.leaves(jax.jit(jax.grad(total))(state))
    assert len(gradients) == 5 * len(LENGTHS)
    for gradient in gradients:
        assert (gradient != 0).all() if kind == "parameters" else (gradient == 0).all()


def test_a_group_is_told_by_its_own_parameters_alone() -> None:
    mine = experts()
    summary = regor.ParameterSummary(LENGTHS, HIDDEN, DIM, DIM, rngs=nnx.Rngs(1))
    before = summary(list(mine))
    mine[1].kernel_in.set_value(mine[1].kernel_in[...].at[2, 0, 0].add(1.0))
    moved = np.abs(summary(list(mine)) - before).max(1)
    assert moved[2] > 1e-3 and (moved[:2] == 0).all()
