"""Runs of each system, small, on simulated devices, and what came out of them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from forked import Forked
from tucker_settings import TUCKER

ROOT = Path(__file__).parents[1]
MESH = {"mesh.data": 2, "mesh.fsdp": 2, "mesh.tensor": 2}

ENCODERS = {
    f"{encoder}.{key}": value
    for encoder in ("text", "vision")
    for key, value in {"dim": 32, "layers": 1, "heads": 2, "mlp_dim": 64}.items()
}
SYSTEMS = {
    "umre": {
        **ENCODERS,
        **{"data.workers": 0, "data.sample.train": 24, "data.sample.validation": 4},
        **{"data.sample.test": 4, "train.epochs": 3.0},
    },
    "jmere": {
        **ENCODERS,
        **{"data.workers": 0, "data.sample.train": 40, "data.sample.validation": 4},
        **{"data.sample.test": 4, "model.heads": 2, "model.edge_dim": 8, "model.channel_dim": 8},
        **{"model.hidden": 32, "train.epochs": 8.0},
    },
    "mkg_y": {
        **{"data.sample.entities": 200, "model.dim": 32, "model.relation_dim": 32},
        **{"model.hidden": 32, "model.router.hidden": 32, "model.groups": 2},
        **{**TUCKER, "train.epochs": 0.3, "train.average": 0.9, "model.router.cost": "learnable"},
    },
}
BATCH = {"train.batch_size": 16, "train.eval_batch_size": 16, "train.log_every": 1}


def simulated(devices: int) -> dict[str, str]:
    """The environment of a process with so many devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


def train(system: str, devices: int, workdir: Path, **changes: object) -> None:
    """Twenty steps and a few, in a process with so many devices."""
    settings = {**SYSTEMS[system], **BATCH, **changes, "data.cache": workdir.parent / "cache"}
    flags = [f"--config.{key}={value}" for key, value in settings.items()]
    flags += [f"--config={ROOT}/configs/{system}.py", f"--workdir={workdir}"]
    done = Forked(workdir.with_suffix(".log"), os.environ | simulated(devices), *flags)
    assert done.wait() == 0, done.log.read_text()[-3000:]
    assert json.loads((workdir / "results.json").read_text())["devices"] == devices


def losses(workdir: Path) -> list[float]:
    lines = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def parameters(workdir: Path) -> dict[str, np.ndarray]:
    """Of the last step, whole, whatever they were saved from."""
    steps = (path for path in (workdir / "checkpoints" / "latest").iterdir() if path.name.isdigit())
    latest = max(steps, key=lambda path: int(path.name)) / "arrays"
    checkpointer = ocp.StandardCheckpointer()
    shapes = checkpointer.metadata(latest).item_metadata.tree
    one = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    like = {
        name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=one)
        for name, leaf in shapes.items()
    }
    restored = checkpointer.restore(latest, like)
    return {name: np.asarray(x) for name, x in restored.items() if name.startswith("params/")}


def differences(one: Path, other: Path) -> tuple[float, dict[str, float]]:
    """Between two runs: the largest of losses, relative, and the largest of each parameter.

    A bias of attention's keys is left out: no softmax feels it, so its gradient is what rounding
    leaves, which Adam makes a step of.
    """
    expected, found = losses(one), losses(other)
    assert len(found) == len(expected) >= 20
    loss = max(abs(x - y) / abs(y) for x, y in zip(found, expected, strict=True))
    arrays = parameters(one)
    felt = {name: x for name, x in parameters(other).items() if not name.endswith("key/bias")}
    return loss, {name: float(abs(x - arrays[name]).max()) for name, x in felt.items()}
