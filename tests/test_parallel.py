"""The mesh, and training over several devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import toy

from remote_jax import parallel
from remote_jax.errors import UserError
from remote_jax.train import train

ROOT = Path(__file__).parents[1]


def mesh_config(**sizes: int) -> Any:
    return toy.get_config(**{f"mesh.{axis}": size for axis, size in sizes.items()}).mesh


def test_all_devices_by_default() -> None:
    mesh = parallel.make_mesh(mesh_config())
    assert dict(mesh.shape) == {"data": jax.device_count(), "fsdp": 1, "tensor": 1}


def test_sizes_must_fit_the_devices() -> None:
    too_many = jax.device_count() + 1
    with pytest.raises(UserError, match=f"but there are {jax.device_count()}"):
        parallel.make_mesh(mesh_config(data=too_many))
    with pytest.raises(UserError, match=f"fsdp={too_many}"):
        parallel.make_mesh(mesh_config(fsdp=too_many))


def test_several_devices_train_as_one(tmp_path: Path) -> None:
    """Four simulated devices against this process's one."""
    changes = {"train.epochs": 2.0, "train.log_every": 1}
    one = tmp_path / "one"
    one.mkdir()
    task = toy.make_task(toy.get_config(**changes))
    task.prepare(one, anew=True)
    train(task, task.config, one)
    command = [sys.executable, str(ROOT / "tests" / "toy.py"), f"--config={ROOT}/tests/toy.py"]
    flags = ["--config.train.epochs=2", "--config.train.log_every=1", "--config.mesh.fsdp=2"]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }
    done = subprocess.run(
        [*command, *flags, f"--workdir={tmp_path / 'four'}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "four" / "results.json").read_text())["devices"] == 4
    left, right = (
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("one", "four")
    )
    losses = [[line["loss"] for line in lines if "loss" in line] for lines in (left, right)]
    assert len(losses[0]) == 12
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_batch_must_split_over_the_devices() -> None:
    mesh = parallel.make_mesh(mesh_config())
    devices = mesh.shape["data"] * mesh.shape["fsdp"]
    parallel.check_batch(mesh, "train.batch_size", 8 * devices)
    if devices > 1:
        with pytest.raises(UserError, match="multiple"):
            parallel.check_batch(mesh, "train.batch_size", 8 * devices + 1)


def test_batch_is_put_as_it_is() -> None:
    mesh = parallel.make_mesh(mesh_config())
    batch = {"x": np.arange(16.0).reshape(8, 2), "label": np.arange(8)}
    put = parallel.put_batch(batch, mesh)
    assert put["x"].sharding == parallel.batch_sharding(mesh)
    np.testing.assert_array_equal(put["label"], batch["label"])
