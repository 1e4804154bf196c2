"""Checkpoints that a disk does not take: what is told, and that the run goes on."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax
import orbax.checkpoint as ocp
import pytest
from runs import MESH
from test_checkpoint import assert_equal, moved, state

from remote_jax.errors import UserError
from remote_jax.training import checksums
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.record import Record
from remote_jax.training.state import TrainState


@contextmanager
def files_of(size: int) -> Iterator[None]:
    """Files longer than so many bytes cannot be written, as where a quota ends."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def incompressible(width: int) -> TrainState:
    """A state of random numbers."""

    def random(array: jax.Array) -> jax.Array:
        return jax.random.normal(jax.random.key(1), array.shape).astype(array.dtype)

    return jax.tree.map(random, state(width))


def test_a_disk_that_takes_no_more_is_told_and_the_run_goes_on(tmp_path: Path) -> None:
    one = incompressible(40_000)
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(one, Record({}, 1))
    sentence = r"Cannot write checkpoints to .*: File too large\. Make room, and the same command"
    with (
        files_of(100_000),
        pytest.raises(UserError, match=sentence),
        Checkpoints(tmp_path) as checkpoints,
    ):
        checkpoints.save(moved(one), Record({}, 2))
    with Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.restore(one, MESH)
        assert found is not None and found.record.step == 1 and not found.lost
        assert_equal(found.state, one)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_an_error_in_the_thread_that_saves(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(number, "")

    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(state(), Record({}, 1))
        assert checkpoints.saved() == 1
        monkeypatch.setattr(ocp.JsonCheckpointHandler, "_save_fn", fails)
        told = {errno.ENOSPC: "No space left on device. Make room", errno.EACCES: "denied. Mend"}
        with pytest.raises(UserError, match=told[number]):
            checkpoints.save(state(), Record({}, 2))
            checkpoints.saved()


def test_an_error_that_is_no_disk_keeps_its_trace() -> None:
    with pytest.raises(ValueError, match="bug"), checksums.saving(Path("x")):
        raise ValueError("bug")
