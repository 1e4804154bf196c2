"""Devices: the mesh, and where parameters and batches live on it."""

from __future__ import annotations

import math
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from remote_jax.errors import UserError, reason

AXES = ("data", "fsdp", "tensor")

RULES: tuple[tuple[str, tuple[str | None, ...]], ...] = (
    # The first layer of a block is split by its outputs and the second by its inputs, so that
    # devices exchange once, after the second (Shoeybi et al. 2019, §3).
    (r"(query|key|value|up)/kernel", (None, "tensor")),
    (r"(query|key|value|up)/bias", ("tensor",)),
    (r"(out|down)/kernel", ("tensor", None)),
    # Tables of a row an entity, and entities as candidates.
    (r"structure|features/\w+/(values|present)|seen/present", ("tensor",)),
    (r"mixed|weights", (None, "tensor")),
)
"""Which axes of an array are split over which axis of the mesh, by how the array's name ends.

What no rule splits is whole on every device of "tensor"; "fsdp" then takes the longest axis that is
left, of any array (`spec`)."""

SMALL = 2**10
"""Numbers of an array below which splitting it over fsdp would save less than it costs."""

Tree = TypeVar("Tree")


def devices() -> list[jax.Device]:
    """All devices of the run.

    Raises:
        UserError: jax cannot start those that it was told to use.
    """
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:  # the latter for plugins that are not installed
        asked = getattr(jax.config, "jax_platforms", None)
        told = f"with JAX_PLATFORMS={asked}" if asked else "here"
        said = reason(error).partition(" (set ")[0]
        raise UserError(
            f"jax finds no devices {told} ({said}): unset JAX_PLATFORMS to use what there "
            "is, or install jax for them (pip install 'remote_jax[cuda]' for NVIDIA's GPUs, "
            "'remote_jax[tpu]' for TPUs)."
        ) from error


def make_mesh(config: ConfigDict) -> Mesh:
    """A mesh over the axes data, fsdp and tensor.

    Args:
        config: the `mesh` part of a config; `data=-1` takes every device left over.

    Raises:
        UserError: the sizes do not multiply to the number of devices.
    """
    sizes = {axis: int(config[axis]) for axis in AXES}
    count = len(devices())
    others = sizes["fsdp"] * sizes["tensor"]
    if sizes["data"] == -1:
        sizes["data"] = count // others
    if math.prod(sizes.values()) != count:
        wanted = " x ".join(f"{axis}={config[axis]}" for axis in AXES)
        raise UserError(
            f"config.mesh asks for {wanted} devices, but there are {count}: set "
            "config.mesh.data, .fsdp and .tensor to these; a run goes on with any."
        )
    return jax.make_mesh(tuple(sizes.values()), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def first_device() -> Mesh:
    """The same axes, of the first device alone."""
    types = (AxisType.Auto,) * len(AXES)
    return jax.make_mesh((1,) * len(AXES), AXES, axis_types=types, devices=devices()[:1])


def spec(name: str, shape: Sequence[int], mesh: Mesh) -> PartitionSpec:
    """How an array of that name is split: by `RULES`, and then over fsdp.

    An axis whose length the devices do not divide is left whole.
    """

    def splits(length: int, axis: str) -> bool:
        return mesh.shape[axis] > 1 and length % mesh.shape[axis] == 0

    axes: list[str | None] = [None] * len(shape)
    for pattern, wanted in RULES:
        if re.search(f"(^|/)({pattern})$", name):
            for place, axis in enumerate(wanted):
                if axis and splits(shape[place], axis):
                    axes[place] = axis
            break
    free = [i for i, axis in enumerate(axes) if axis is None and splits(shape[i], "fsdp")]
    if free and math.prod(shape) >= SMALL:
        axes[max(free, key=shape.__getitem__)] = "fsdp"
    return PartitionSpec(*axes)


def place(mesh: Mesh, arrays: Tree) -> Tree:
    """Where each array of a tree lives, by its path in it; only names and shapes are read."""

    def sharding(path: tuple[Any, ...], array: Any) -> NamedSharding:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return NamedSharding(mesh, spec(name, array.shape, mesh))

    return jax.tree_util.tree_map_with_path(sharding, arrays)


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The leading axis split over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def parts_sharding(mesh: Mesh) -> NamedSharding:
    """The second axis as that of a batch; the first counts parts that come one after another."""
    return NamedSharding(mesh, PartitionSpec(None, ("data", "fsdp")))


def check_batch(mesh: Mesh, key: str, size: int, parts: int = 1) -> None:
    """Raises a UserError unless each of the parts of a batch splits evenly over the devices."""
    devices = _shares(mesh)
    if size % (devices * parts):
        times = f" x {parts} (config.train.accumulation)" if parts > 1 else ""
        raise UserError(
            f"config.{key} must be a multiple of {devices} (devices){times}, found {size}."
        )
    _check_processes(mesh)


def splits(mesh: Mesh, size: int) -> bool:
    """Whether a batch of that size splits evenly over the devices."""
    return size % _shares(mesh) == 0


def _shares(mesh: Mesh) -> int:
    return mesh.shape["data"] * mesh.shape["fsdp"]


def _check_processes(mesh: Mesh) -> None:
    """Raises a UserError where two processes have some rows of a batch in common, but not all."""
    parts = _shares(mesh)
    places = batch_sharding(mesh).devices_indices_map((parts,))
    rows: dict[int, set[int]] = {}
    for device in mesh.devices.flat:
        rows.setdefault(device.process_index, set()).update(range(parts)[places[device][0]])
    if sum(map(len, set(map(frozenset, rows.values())))) != parts:
        raise UserError(
            f"config.mesh.tensor={mesh.shape['tensor']} must divide the devices of a process, or "
            f"be a multiple of them; there are {mesh.size} on {len(rows)} processes."
        )


def rows(mesh: Mesh, size: int) -> list[int]:
    """Which rows of a batch of that size live on the devices of this process, in order."""
    places = batch_sharding(mesh).devices_indices_map((size,))
    return sorted({row for device in mesh.local_devices for row in range(size)[places[device][0]]})


def put_batch(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Puts a batch on the devices, each getting its rows; returns before the copy is done.

    Args:
        batch: of this process, its `rows` of the batch that all make together.
    """
    return jax.make_array_from_process_local_data(batch_sharding(mesh), dict(batch))


def fetch(arrays: Any) -> Any:
    """Brings whole arrays to the host, of every process, from the devices of all."""
    if jax.process_count() == 1:
        return jax.device_get(arrays)
    return multihost_utils.process_allgather(arrays, tiled=True)


def peak_memory(before: Mapping[str, int]) -> dict[str, int]:
    """Largest memory in bytes so far: `host` of this process, `device` where the device tells.

    Args:
        before: the same of earlier processes of the run.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = {"host": peak if sys.platform == "darwin" else peak * 1024}
    if stats := jax.local_devices()[0].memory_stats():
        now["device"] = stats["peak_bytes_in_use"]
    return {name: max(value, before.get(name, 0)) for name, value in now.items()}
