"""A program for each shape of batches; compiling it is said once for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import pytest

from remote_jax.runtime.programs import Programs


@pytest.mark.parametrize("shapes", [1, 2])
def test_compiling_is_told_of_once_a_shape(shapes: int) -> None:
    told: list[str] = []

    @contextmanager
    def around(doing: str) -> Iterator[None]:
        told.append(doing)
        before = len(programs)
        yield
        assert len(programs) == before + 1

    jitted = jax.jit(lambda number, batch: number + batch["x"].sum())
    programs = Programs("step", jitted, shapes=shapes, around=around)
    for length in (2, 2, 3, 2, 3):
        assert programs(1.0, {"x": jnp.ones(length)}) == 1 + length
    assert jitted._cache_size() == 0  # a call compiles nothing once more
    if shapes == 1:
        assert told == ["compiling the first step", "compiling another step"]
    else:
        assert told == [
            "compiling the first step, shape 1 of 2",
            "compiling another step, shape 2 of 2",
        ]
