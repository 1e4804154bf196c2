"""Entropic transport plans (REMOTE, Eqs. 6-8): batched, masked, with an exact gradient.

The plan is found by the Sinkhorn iterations of `ott-jax`, finished by Newton steps where those are
slow, and differentiated by the optimality conditions it satisfies, so that nothing is unrolled.
Everything is float32, whatever the features are, at full matrix product precision: an error of the
cost is divided by ε.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

from remote_jax.ot import laplacian, newton
from remote_jax.ot.blocks import Blocks
from remote_jax.ot.laplacian import reciprocal

# Costs are read as cosine costs, within [0, 2]. Scalings of exp(-C/ε) reach exp(±2/ε), and float32
# holds up to about exp(±87); beyond half of that the iterations go to the log domain.
COST_RANGE = 2.0
LARGEST_EXPONENT = 44.0

# Σ|column sum - b| that ends the Sinkhorn iterations, over a batch whose plans weigh 1 each. Newton
# steps do the rest: they are dearer, but converge quadratically.
SINKHORN_ERROR = 1e-4
ITERATIONS_PER_CHECK = 5

# Vectors whose largest entry is smaller count as zero: the gradient of a cosine grows as 1/norm.
SMALLEST_ENTRY = 1e-30

dot = functools.partial(jnp.einsum, precision=Precision.HIGHEST)


def uniform(mask: Bool[Array, "... n"]) -> Float[Array, "... n"]:
    """Masses 1/count on the entries present, 0 elsewhere; all 0 where nothing is present."""
    present = mask.astype(jnp.float32)
    return present / jnp.maximum(present.sum(-1, keepdims=True), 1.0)


def cosine_cost(
    targets: Float[Array, "... n d"], sources: Float[Array, "... m d"]
) -> Float[Array, "... n m"]:
    """C = 1 - cos(target, source) (Eq. 7), float32, in [0, 2] up to rounding.

    A zero vector (no entry above 1e-30 in size) is orthogonal to everything: cost 1, gradient 0.
    Vectors of one direction cost 0, where the gradient is 0 too.
    """
    return cost_of_units(unit(targets), unit(sources))


def cost_of_units(
    targets: Float[Array, "... n d"], sources: Float[Array, "... m d"]
) -> Float[Array, "... n m"]:
    """`cosine_cost` of vectors that `unit` made, for those that are compared more than once."""
    return 1.0 - dot("...nd,...md->...nm", targets, sources)


@jax.custom_vjp
def unit(x: Float[Array, "... d"]) -> Float[Array, "... d"]:
    """x / |x| in float32 without overflow or underflow on the way; zero for a zero vector."""
    return _unit_forward(x)[0]


def _unit_forward(x):
    wide = x.astype(jnp.float32)
    size = jnp.abs(wide).max(-1, keepdims=True)
    inverse = jnp.where(size > SMALLEST_ENTRY, 1.0 / jnp.maximum(size, SMALLEST_ENTRY), 0.0)
    scaled = wide * inverse
    # The largest entry of a scaled vector is 1, so that the bound only ever acts on zero vectors.
    shrink = jax.lax.rsqrt(jnp.maximum((scaled**2).sum(-1, keepdims=True), 1.0))
    found = scaled * shrink
    return found, (found, inverse * shrink, jnp.zeros((), x.dtype))


def _unit_backward(saved, gradient):
    found, inverse_norm, like = saved
    along = (gradient * found).sum(-1, keepdims=True)
    return (((gradient - along * found) * inverse_norm).astype(like.dtype),)


unit.defvjp(_unit_forward, _unit_backward)


def barycentre(
    plan: Float[Array, "... n m"], sources: Float[Array, "... m d"]
) -> Float[Array, "... n d"]:
    """Π·μ with each row of Π divided by its mass (Eq. 8): a convex combination of sources.

    A row without mass gives zeros. Computed in float32, returned in the dtype of `sources`.
    """
    mass = plan.sum(-1, keepdims=True)
    weights = plan * reciprocal(mass)
    mean = dot("...nm,...md->...nd", weights, sources.astype(jnp.float32))
    return mean.astype(sources.dtype)


def transport_plan(
    cost: Float[Array, "... n m"],
    a: Float[Array, "... n"],
    b: Float[Array, "... m"],
    *,
    epsilon: float,
    iterations: int,
    exact: bool = True,
) -> Float[Array, "... n m"]:
    """Π* = argmin <C, Π> - ε H(Π) over plans with row sums a and column sums b (Eq. 6), float32.

    Rows and columns without mass are zero and the cost is not read there. Where a whole side is
    without mass the plan is zero. Otherwise both sides must have the same total mass: 1.

    The gradient with respect to `cost` is that of the exact solution with the marginals of the plan
    returned. `a` and `b` come from masks and get a zero gradient. It solves an n×n system, so the
    side with fewer points belongs on the rows.

    Args:
      cost: C, within [0, 2] as `cosine_cost` gives it.
      a: masses of the rows (targets), 0 where absent.
      b: masses of the columns (sources), 0 where absent.
      epsilon: ε (λ of Eq. 6), in units of the cost. It decides, before anything is computed,
        between iterations on exp(-C/ε) and, below 2/44, slower ones in the log domain.
      iterations: the most Sinkhorn iterations, before at most 16 Newton steps (`newton.py`). Both
        end before when the column sums of the batch are right.
      exact: whether Newton steps follow where the iterations did not converge.
    """
    lead = jnp.broadcast_shapes(cost.shape[:-2], a.shape[:-1], b.shape[:-1])
    n, m = cost.shape[-2:]
    plan = _plan(
        jnp.broadcast_to(cost, (*lead, n, m)).reshape(-1, n, m).astype(jnp.float32),
        jnp.broadcast_to(a, (*lead, n)).reshape(-1, n).astype(jnp.float32),
        jnp.broadcast_to(b, (*lead, m)).reshape(-1, m).astype(jnp.float32),
        epsilon,
        iterations,
        exact,
    )
    return plan.reshape(*lead, n, m)


class Solution(NamedTuple):
    """A plan, and the potentials f and g to begin another problem like it from."""

    plan: Float[Array, "k n m"]
    f: Float[Array, "k n"]
    g: Float[Array, "k m"]


def solve(
    cost: Float[Array, "k n m"],
    a: Float[Array, "k n"],
    b: Float[Array, "k m"],
    epsilon: float,
    iterations: int,
    start: tuple[Float[Array, "k n"], Float[Array, "k m"]] | None = None,
    exact: bool = True,
) -> Solution:
    """`transport_plan` of k problems without a gradient, from the potentials of another one."""
    # A side without mass takes that of the other away, or iterations would look for it to the end.
    a, b = a * (b.sum(-1, keepdims=True) > 0), b * (a.sum(-1, keepdims=True) > 0)
    present = (a[:, :, None] > 0) & (b[:, None, :] > 0)
    cost = jnp.where(present, cost, 0.0)
    in_log_domain = COST_RANGE / epsilon > LARGEST_EXPONENT
    if in_log_domain:
        blocks = Blocks(cost_matrix=cost, epsilon=epsilon)
    else:
        blocks = Blocks(kernel_matrix=jnp.exp(-cost / epsilon), epsilon=epsilon)
    solver = sinkhorn.Sinkhorn(
        lse_mode=in_log_domain,
        threshold=SINKHORN_ERROR,
        # ott rounds up to a multiple of this: one that divides keeps the limit exact.
        inner_iterations=math.gcd(iterations, ITERATIONS_PER_CHECK),
        max_iterations=iterations,
    )
    init = None
    if start is not None:
        f, g = (jnp.where(mass > 0, x, -jnp.inf) for x, mass in zip(start, (a, b), strict=True))
        if not in_log_domain:
            f, g = jnp.exp(f / epsilon), jnp.exp(g / epsilon)
        init = f.reshape(-1), g.reshape(-1)
    problem = linear_problem.LinearProblem(blocks, a.reshape(-1), b.reshape(-1))
    solution = solver(problem, init=init)
    f, g = solution.f.reshape(a.shape), solution.g.reshape(b.shape)
    potentials = jnp.where(present, f[:, :, None] + g[:, None, :], 0.0)
    plan = jnp.where(present, jnp.exp((potentials - cost) / epsilon), 0.0)
    if in_log_domain:
        # The last digit of a potential is divided by ε: rows would be right to 1e-7/ε only.
        plan = plan * (a * reciprocal(plan.sum(-1)))[:, :, None]
    return Solution(newton.finish(plan, a, b) if exact else plan, f, g)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
@functools.partial(jax.jit, static_argnums=(3, 4, 5))
def _plan(
    cost: Float[Array, "k n m"],
    a: Float[Array, "k n"],
    b: Float[Array, "k m"],
    epsilon: float,
    iterations: int,
    exact: bool,
) -> Float[Array, "k n m"]:
    return solve(cost, a, b, epsilon, iterations, exact=exact).plan


def _plan_forward(cost, a, b, epsilon, iterations, exact):
    plan = _plan(cost, a, b, epsilon, iterations, exact)
    return plan, plan


def _plan_backward(epsilon, iterations, exact, plan, gradient):
    """Differentiates the optimality conditions of Eq. 6.

    With r, c the row and column sums of Π, dΠ = -Π∘(dC - α⊕β)/ε with the α, β that keep them. For a
    cotangent G and H = Π∘G that gives, transposed,

      (diag r - Π diag(1/c) Πᵀ) α = H1 - Π diag(1/c) Hᵀ1,   dC = -Π∘(E - 1⊗β)/ε,

    with E = G - α⊗1 and β its mean over each column, weighted by Π. Where each target has a source
    of its own nearly all of this cancels. So both sides of the system are built of what differs
    (with S = diag(1/c) applied, the right one is the row sums of T - Tᵀ, T = (HS)Πᵀ, the left one a
    Laplacian), and the mean is taken off twice.
    """
    share = plan * reciprocal(plan.sum(-2))[:, None, :]
    links = dot("kim,kjm->kij", share, plan)
    pull = dot("kim,kjm->kij", share * gradient, plan)
    alpha = laplacian.solve(links, (pull - pull.mT).sum(-1))
    rest = gradient - alpha[:, :, None]
    for _ in range(2):
        rest = rest - (share * rest).sum(-2, keepdims=True)
    k, n, m = plan.shape
    return -plan * rest / epsilon, jnp.zeros((k, n)), jnp.zeros((k, m))


_plan.defvjp(_plan_forward, _plan_backward)
