"""Small runs of REMOTE and EEGA, made once for all tests and test processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import systems

from remote_jax.data.cache import locked


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of a run of each system."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "extract-runs"
    found = {name: root / name for name in ("remote", "eega")}
    with locked(root):
        for name, run in found.items():
            if not run.exists():
                systems.begin(systems.SYSTEMS[name](root / "cache"), run)
    return found
