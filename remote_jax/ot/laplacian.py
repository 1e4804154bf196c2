"""Linear systems of graph Laplacians: Newton steps on plans, and their gradients, end in them."""

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float

# Conjugate gradients end at this residual, relative to the right side, or after this many steps.
RESIDUAL = 1e-6
STEPS = 50


def solve(links: Float[Array, "k n n"], right: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """x of L x = right with the Laplacian L = D - links of k graphs with the given weights.

    L is singular: x is the solution whose mean, weighted by the degrees D, is zero, and `right` is
    taken to sum to zero. Nodes without links get zero. Solved by conjugate gradients on
    D^-½ L D^-½, without LAPACK calls, which can hang XLA on CPU inside a large program.

    D sums the links that leave a node (the diagonal of `links` is not read). Unlike the difference
    of a mass and what stays, that keeps its relative precision where the links are weak.
    """
    links = jnp.where(jnp.eye(links.shape[-1], dtype=bool), 0.0, links)
    degree = links.sum(-1)
    scale = jnp.sqrt(reciprocal(degree))
    coupling = links * scale[:, :, None] * scale[:, None, :]
    null = jnp.sqrt(degree * reciprocal(degree.sum(-1, keepdims=True)))

    def visible(x):
        return x - (x * null).sum(-1, keepdims=True) * null

    def times(x):
        return x - jnp.einsum("kij,kj->ki", coupling, x, precision=Precision.HIGHEST)

    return scale * visible(_conjugate_gradients(times, visible(scale * right)))


def reciprocal(x: Array) -> Array:
    """1/x, and 0 where x is 0, for x that cannot be negative."""
    return jnp.where(x > 0, 1.0 / jnp.where(x > 0, x, 1.0), 0.0)


def _conjugate_gradients(times, right: Float[Array, "k n"]) -> Float[Array, "k n"]:
    """Solves k positive semi-definite systems, each until its own residual is small."""
    square = (right**2).sum(-1)
    enough = RESIDUAL**2 * square

    def unfinished(state):
        i, _, _, _, square = state
        return (i < STEPS) & (square > enough).any()

    def step(state):
        i, x, residual, direction, square = state
        image = times(direction)
        curvature = (direction * image).sum(-1)
        # Rounding can leave a direction along which the matrix is flat: no move is the best then.
        # A system that is solved must not move on either, whatever the others of its batch need.
        move = jnp.where(square > enough, square * reciprocal(jnp.maximum(curvature, 0.0)), 0.0)
        x = x + move[:, None] * direction
        residual = residual - move[:, None] * image
        new = (residual**2).sum(-1)
        direction = residual + (new * reciprocal(square))[:, None] * direction
        return i + 1, x, residual, direction, new

    start = (jnp.int32(0), jnp.zeros_like(right), right, right, square)
    return jax.lax.while_loop(unfinished, step, start)[1]
