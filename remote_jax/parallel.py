"""Devices: the mesh, and where parameters and batches live on it."""

from __future__ import annotations

import math
import resource
import sys
from collections.abc import Mapping

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from remote_jax.errors import UserError

AXES = ("data", "fsdp", "tensor")


def make_mesh(config: ConfigDict) -> Mesh:
    """A mesh over the axes data, fsdp and tensor.

    Args:
        config: the `mesh` part of a config; `data=-1` takes every device left over.

    Raises:
        UserError: the sizes do not multiply to the number of devices.
    """
    sizes = {axis: int(config[axis]) for axis in AXES}
    devices = jax.device_count()
    others = sizes["fsdp"] * sizes["tensor"]
    if sizes["data"] == -1:
        sizes["data"] = devices // others
    if math.prod(sizes.values()) != devices:
        wanted = " x ".join(f"{axis}={config[axis]}" for axis in AXES)
        raise UserError(f"config.mesh asks for {wanted} devices, but there are {devices}.")
    return jax.make_mesh(tuple(sizes.values()), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def replicated(mesh: Mesh) -> NamedSharding:
    """The whole array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """The leading axis split over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def check_batch(mesh: Mesh, key: str, size: int) -> None:
    """Raises a UserError unless the batch splits evenly over the devices."""
    parts = mesh.shape["data"] * mesh.shape["fsdp"]
    if size % parts:
        raise UserError(f"config.{key} must be a multiple of {parts} (devices), found {size}.")


def put_batch(batch: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """Puts a batch on the devices, each getting its rows; returns before the copy is done."""
    return jax.device_put(dict(batch), batch_sharding(mesh))


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
