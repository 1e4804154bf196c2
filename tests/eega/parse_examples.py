"""Parses for tests."""

import numpy as np

from remote_jax.eega.graphs.trees import Parse


def made(heads, **parts):
    words = len(heads)
    values = {"dependencies": ("dep",) * words, "pos": ("X",) * words, **parts}
    return Parse(np.array(heads, np.int32), **values)


def same(one, other):
    parts = (one.dependencies, one.pos) == (other.dependencies, other.pos)
    return parts and np.array_equal(one.heads, other.heads)
