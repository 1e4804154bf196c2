"""A batch of transport problems as one problem of `ott-jax`."""

import jax
import jax.numpy as jnp
from jax.lax import Precision
from jaxtyping import Array, Float
from ott.geometry import geometry


@jax.tree_util.register_pytree_node_class
class Blocks(geometry.Geometry):
    """k problems of n×m points as the diagonal blocks of one with k·n×k·m points.

    Built from either `cost_matrix` or `kernel_matrix` (exp(-C/ε)), of shape [k, n, m], and a
    constant `epsilon`. Solved as one, the batch shares a loop and its stopping criterion; under
    `jax.vmap` the solver would compute that criterion in each iteration. The products keep float32
    precision on hardware that would round it, which the geometries of ott do not.
    """

    @property
    def _size(self) -> tuple[int, int, int]:
        matrix = self._cost_matrix if self._kernel_matrix is None else self._kernel_matrix
        assert matrix is not None
        k, n, m = matrix.shape
        return k, n, m

    @property
    def shape(self) -> tuple[int, int]:
        k, n, m = self._size
        return k * n, k * m

    def apply_kernel(self, vec: Float[Array, "s"], eps=None, axis: int = 0) -> Float[Array, "t"]:
        """K·vec (axis 1) or Kᵀ·vec (axis 0). `eps` is the ε that the kernel was made with."""
        k, n, m = self._size
        rows, size = ("knm,km->kn", m) if axis == 1 else ("knm,kn->km", n)
        vec = vec.reshape(k, size)
        return jnp.einsum(rows, self.kernel_matrix, vec, precision=Precision.HIGHEST).reshape(-1)

    def apply_lse_kernel(
        self, f: Float[Array, "kn"], g: Float[Array, "km"], eps, vec=None, axis: int = 0
    ) -> tuple[Float[Array, "t"], Float[Array, "1"]]:
        """ε log K exp(g/ε) (axis 1) or ε log Kᵀ exp(f/ε) (axis 0), and its sign. No `vec`."""
        k, n, m = self._size
        potential = g.reshape(k, 1, m) if axis == 1 else f.reshape(k, n, 1)
        smooth = jax.nn.logsumexp((potential - self.cost_matrix) / eps, axis=1 + axis)
        return eps * smooth.reshape(-1), jnp.ones(1)
