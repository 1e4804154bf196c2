"""Eight simulated devices, data=2, fsdp=2, tensor=2, train as one does.

The smallest system stands for all here; `tests/benchmarks/bench_meshes.py` runs all three.
"""

from __future__ import annotations

from pathlib import Path

import meshes


def test_eight_devices_train_as_one(tmp_path: Path) -> None:
    meshes.train("mkg_y", 1, tmp_path / "one")
    meshes.train("mkg_y", 8, tmp_path / "eight", **meshes.MESH)
    losses = meshes.losses(tmp_path / "one")
    assert losses[-1] < losses[0]
    loss, by_name = meshes.differences(tmp_path / "one", tmp_path / "eight")
    assert loss < 1e-5 and max(by_name.values()) < 1e-4
