"""Transport is compiled as users compile it: what is claimed here are digits."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def optimized() -> Iterator[None]:
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.clear_caches()  # nor does anything stay that other tests have compiled, or these
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
    jax.clear_caches()
