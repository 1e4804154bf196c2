"""Keys counted in Python are those of `nnx.Rngs`."""

import jax
import numpy as np
from flax import nnx

from remote_jax.training.random_keys import CountedRngs
from remote_jax.training.remat import rematerialised


class Noisy(nnx.Module):
    """Adds noise twice, and recomputes it in the backward pass if it is told to."""

    remat = False

    @rematerialised
    def __call__(self, x, *, rngs):
        return x * jax.random.normal(rngs.dropout()) + jax.random.normal(rngs.noise())


def drawn(make, remat):
    """What noise three modules in turn give, and the gradient."""

    def total(x, key):
        rngs, module = make(key), Noisy()
        module.remat = remat
        for _ in range(3):
            x = module(x, rngs=rngs)
        return x + jax.random.normal(rngs.params())

    return np.array(jax.jit(jax.value_and_grad(total))(1.5, jax.random.key(7)))


def test_keys_are_those_of_nnx():
    one, other = CountedRngs(jax.random.key(3)), nnx.Rngs(jax.random.key(3))
    for name in ("dropout", "noise", "dropout"):
        ours, theirs = getattr(one, name)(), getattr(other, name)()
        assert (jax.random.key_data(ours) == jax.random.key_data(theirs)).all()


def test_keys_are_the_same_traced_and_rematerialised():
    expected = drawn(nnx.Rngs, False)
    for remat in (False, True):
        assert (drawn(CountedRngs, remat) == expected).all()
