"""Entropic transport plans (REMOTE, Eqs. 6-8): batched, masked, with an exact gradient.

The plan is found by the Sinkhorn iterations of `ott-jax` and differentiated by the optimality
conditions it satisfies, so that the iterations are never unrolled. Everything is float32, whatever
the features are, at full matrix product precision: an error of the cost is divided by ε.
"""

import functools

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Bool, Float
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

# Costs are read as cosine costs, within [0, 2]. Scalings of exp(-C/ε) reach exp(±2/ε), which float32
# holds up to about exp(±87); beyond half of that the iterations go to the log domain.
COST_RANGE = 2.0
LARGEST_EXPONENT = 44.0

# Deviation of the column sums (summed over a batch, whose plans weigh 1 each) that ends iterations.
TOLERANCE = 1e-5
ITERATIONS_PER_CHECK = 5

# Vectors whose largest entry is smaller count as zero: the gradient of a cosine grows as 1/norm.
SMALLEST_NORM = 1e-30

# The conjugate gradients of the backward pass: relative residual and steps.
RESIDUAL = 1e-6
STEPS = 50

_dot = functools.partial(jnp.einsum, precision=Precision.HIGHEST)


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
    return 1.0 - _dot("...nd,...md->...nm", _unit(targets), _unit(sources))


@jax.custom_vjp
def _unit(x: Float[Array, "... d"]) -> Float[Array, "... d"]:
    """x / |x| in float32 without overflow or underflow on the way; zero for a zero vector."""
    return _unit_forward(x)[0]


def _unit_forward(x):
    wide = x.astype(jnp.float32)
    size = jnp.abs(wide).max(-1, keepdims=True)
    inverse = jnp.where(size > SMALLEST_NORM, 1.0 / jnp.maximum(size, SMALLEST_NORM), 0.0)
    scaled = wide * inverse
    # The largest entry of a scaled vector is 1, so that the bound only ever acts on zero vectors.
    shrink = jax.lax.rsqrt(jnp.maximum((scaled**2).sum(-1, keepdims=True), 1.0))
    unit = scaled * shrink
    return unit, (unit, inverse * shrink, jnp.zeros((), x.dtype))


def _unit_backward(saved, gradient):
    unit, inverse_norm, like = saved
    along = (gradient * unit).sum(-1, keepdims=True)
    return (((gradient - along * unit) * inverse_norm).astype(like.dtype),)


_unit.defvjp(_unit_forward, _unit_backward)


def barycentre(
    plan: Float[Array, "... n m"], sources: Float[Array, "... m d"]
) -> Float[Array, "... n d"]:
    """Π·μ with each row of Π divided by its mass (Eq. 8): a convex combination of sources.

    A row without mass gives zeros. Computed in float32, returned in the dtype of `sources`.
    """
    mass = plan.sum(-1, keepdims=True)
    weights = plan * jnp.where(mass > 0, 1.0 / jnp.where(mass > 0, mass, 1.0), 0.0)
    mean = _dot("...nm,...md->...nd", weights, sources.astype(jnp.float32))
    return mean.astype(sources.dtype)


def transport_plan(
    cost: Float[Array, "... n m"],
    a: Float[Array, "... n"],
    b: Float[Array, "... m"],
    *,
    epsilon: float,
    iterations: int,
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
      epsilon: ε (λ of Eq. 6), in units of the cost. It decides, before anything is computed, between
        iterations on exp(-C/ε) and, below 2/44, slower ones in the log domain.
      iterations: the most Sinkhorn iterations; they end before when every column sum in the batch
        is right.
    """
    lead = jnp.broadcast_shapes(cost.shape[:-2], a.shape[:-1], b.shape[:-1])
    n, m = cost.shape[-2:]
    plan = _plan(
        jnp.broadcast_to(cost, (*lead, n, m)).reshape(-1, n, m).astype(jnp.float32),
        jnp.broadcast_to(a, (*lead, n)).reshape(-1, n).astype(jnp.float32),
        jnp.broadcast_to(b, (*lead, m)).reshape(-1, m).astype(jnp.float32),
        epsilon,
        iterations,
    )
    return plan.reshape(*lead, n, m)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
@functools.partial(jax.jit, static_argnums=(3, 4))
def _plan(
    cost: Float[Array, "k n m"],
    a: Float[Array, "k n"],
    b: Float[Array, "k m"],
    epsilon: float,
    iterations: int,
) -> Float[Array, "k n m"]:
    """Solves the k problems of a batch as the blocks of one, so that one loop serves them all."""
    # A side without mass takes that of the other away, or iterations would look for it to the end.
    a, b = a * (b.sum(-1, keepdims=True) > 0), b * (a.sum(-1, keepdims=True) > 0)
    present = (a[:, :, None] > 0) & (b[:, None, :] > 0)
    cost = jnp.where(present, cost, 0.0)
    in_log_domain = COST_RANGE / epsilon > LARGEST_EXPONENT
    if in_log_domain:
        blocks = _Blocks(cost_matrix=cost, epsilon=epsilon)
    else:
        blocks = _Blocks(kernel_matrix=jnp.exp(-cost / epsilon), epsilon=epsilon)
    solver = sinkhorn.Sinkhorn(
        lse_mode=in_log_domain,
        threshold=TOLERANCE,
        inner_iterations=ITERATIONS_PER_CHECK,
        max_iterations=iterations,
    )
    solution = solver(linear_problem.LinearProblem(blocks, a.reshape(-1), b.reshape(-1)))
    exponent = solution.f.reshape(a.shape)[:, :, None] + solution.g.reshape(b.shape)[:, None, :]
    plan = jnp.where(present, jnp.exp((jnp.where(present, exponent, 0.0) - cost) / epsilon), 0.0)
    for _ in range(NEWTON):
        plan = _newton(plan, a, b)
    return plan


NEWTON = 2

def _newton(plan, a, b):
    rows, columns = plan.sum(-1), plan.sum(-2)
    inverse = _inverse(columns)
    missing = (b - columns) * inverse
    weighted = plan * inverse[:, None, :]
    links = _dot("kim,kjm->kij", weighted, plan)
    x = _solve_laplacian(links, (a - rows) - _dot("knm,km->kn", plan, missing))
    x = x / jnp.maximum(jnp.abs(x).max(-1, keepdims=True), 1.0)
    moved = plan * jnp.exp(x)[:, :, None]
    moved = moved * (b * _inverse(moved.sum(-2)))[:, None, :]
    moved = moved * (a * _inverse(moved.sum(-1)))[:, :, None]
    def error(p):
        return jnp.abs(p.sum(-2) - b).sum(-1)
    return jnp.where((error(moved) < error(plan))[:, None, None], moved, plan)


@jax.tree_util.register_pytree_node_class
class _Blocks(geometry.Geometry):
    """k problems of n×m points as one: the diagonal blocks of k·n×k·m points.

    `jax.vmap` of the solver would compute its stopping criterion in each iteration.
    """

    @property
    def shape(self) -> tuple[int, int]:
        k, n, m = self._matrix.shape
        return k * n, k * m

    @property
    def _matrix(self) -> Float[Array, "k n m"]:
        return self.cost_matrix if self._kernel_matrix is None else self.kernel_matrix

    def apply_kernel(self, vec, eps=None, axis=0):
        """K·vec (axis 1) or Kᵀ·vec (axis 0). The ε of the kernel is constant, `eps` repeats it."""
        k, n, m = self._matrix.shape
        if axis == 1:
            return _dot("knm,km->kn", self.kernel_matrix, vec.reshape(k, m)).reshape(-1)
        return _dot("knm,kn->km", self.kernel_matrix, vec.reshape(k, n)).reshape(-1)

    def apply_lse_kernel(self, f, g, eps, vec=None, axis=0):
        """ε log K exp(g/ε) (axis 1) or ε log Kᵀ exp(f/ε) (axis 0)."""
        k, n, m = self._matrix.shape
        potential = g.reshape(k, 1, m) if axis == 1 else f.reshape(k, n, 1)
        smooth = jax.nn.logsumexp((potential - self.cost_matrix) / eps, axis=1 + axis)
        return eps * smooth.reshape(-1), jnp.ones(1)


def _plan_forward(cost, a, b, epsilon, iterations):
    plan = _plan(cost, a, b, epsilon, iterations)
    return plan, plan


def _plan_backward(epsilon, iterations, plan, gradient):
    """Differentiates the optimality conditions of Eq. 6.

    dΠ = -Π∘(dC - α⊕β)/ε with the dα, dβ that leave the marginals unchanged. For a cotangent G
    and H = Π∘G that is, transposed,

      (diag r - Π diag(1/c) Πᵀ) α = H1 - Π diag(1/c) Hᵀ1,   β = (Hᵀ1 - Πᵀα)/c,
      dC = -(H - Π∘(α⊕β))/ε,

    with r, c the row and column sums of Π itself: it is the exact solution for those.
    """
    held = plan * gradient
    columns = plan.sum(-2)
    weighted = plan * _inverse(columns)[:, None, :]
    links = _dot("kim,kjm->kij", weighted, plan)
    right = held.sum(-1) - _dot("knm,km->kn", weighted, held.sum(-2))
    alpha = _solve_laplacian(links, right)
    beta = (held.sum(-2) - _dot("knm,kn->km", plan, alpha)) * _inverse(columns)
    d_cost = (plan * (alpha[:, :, None] + beta[:, None, :]) - held) / epsilon
    k, n, m = plan.shape
    return d_cost, jnp.zeros((k, n)), jnp.zeros((k, m))


_plan.defvjp(_plan_forward, _plan_backward)


def _inverse(x: Array) -> Array:
    """1/x for masses, 0 where there is none."""
    return jnp.where(x > 0, 1.0 / jnp.where(x > 0, x, 1.0), 0.0)


def _solve_laplacian(
    links: Float[Array, "k n n"], right: Float[Array, "k n"]
) -> Float[Array, "k n"]:
    """x of L x = right, L the Laplacian of the graph with weights `links`, up to a constant.

    By conjugate gradients on D^-½ L D^-½. The diagonal D is the sum of the links that leave a node,
    which, unlike a difference with its mass, keeps its relative precision when they are weak.
    """
    n = links.shape[-1]
    links = jnp.where(jnp.eye(n, dtype=bool), 0.0, links)
    degree = links.sum(-1)
    scale = jnp.sqrt(_inverse(degree))
    coupling = links * scale[:, :, None] * scale[:, None, :]

    def step(state):
        i, x, residual, direction, square = state
        image = direction - _dot("kij,kj->ki", coupling, direction)
        curvature = (direction * image).sum(-1)
        # Rounding may leave a direction that the singular matrix does not bend: stay.
        move = jnp.where(curvature > 0, square / jnp.where(curvature > 0, curvature, 1.0), 0.0)
        x = x + move[:, None] * direction
        residual = residual - move[:, None] * image
        new = (residual**2).sum(-1)
        direction = residual + (new * _inverse(square))[:, None] * direction
        return i + 1, x, residual, direction, new

    def centre(x):
        """Without what L cannot see: its null vector, √D in these coordinates."""
        flat = jnp.sqrt(degree)
        along = (flat * x).sum(-1) * _inverse(degree.sum(-1))
        return x - along[:, None] * flat

    scaled = centre(right * scale)
    square = (scaled**2).sum(-1)
    enough = RESIDUAL**2 * square

    def unfinished(state):
        return (state[0] < STEPS) & (state[4] > enough).any()

    start = (0, jnp.zeros_like(scaled), scaled, scaled, square)
    return scale * centre(jax.lax.while_loop(unfinished, step, start)[1])
