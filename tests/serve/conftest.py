"""Small runs of the three systems and their exports, made once for all tests and test processes."""

from __future__ import annotations

import os

import pytest
import systems

from remote_jax.commands.arguments import Arguments
from remote_jax.data.cache import locked
from remote_jax.main import run
from remote_jax.task import make_task


@pytest.fixture(scope="session", params=systems.SYSTEMS)
def exported(request, tmp_path_factory):
    """Name of a system, its task, its workdir and its export, made where no data were."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"run-{request.param}"
    config = systems.SYSTEMS[request.param](root / "cache")
    with locked(root):
        if not (root / "out").exists():
            systems.begin(config, root / "run")
            moved = config.copy_and_resolve_references()
            moved.data.cache = str(root / "no cache")
            run(Arguments("export", moved, root / "run", None, root / "out"))
            assert not (root / "no cache").exists()
    task = make_task(config)
    task.prepare(root / "run", anew=False)
    return request.param, task, root / "run", root / "out"
