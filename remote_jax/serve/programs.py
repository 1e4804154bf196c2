"""A model's predictions as programs of StableHLO, which any size of batch and any device runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
from jax import export

import remote_jax
from remote_jax.task import Batch, Calibration, Interface, Task
from remote_jax.training.state import Params, Skeleton

PLATFORMS = ("cpu", "cuda", "tpu")
BATCH = "batch"

Arrays = dict[str, jax.Array]


@dataclass(frozen=True)
class Programs:
    """What is exported.

    Attributes:
        exported: `predict`, of the parameters, what all batches share, and a batch; and `shared`,
            of the parameters, which gives the second, where there is any.
        facts: arguments and answers of both by name, type and shape, as JSON values.
    """

    exported: Mapping[str, export.Exported]
    facts: Mapping[str, Any]


def lower(task: Task, skeleton: Skeleton, params: Params, calibration: Calibration) -> Programs:
    """Lowers what a task answers for `PLATFORMS`, for batches of any size.

    Args:
        params: only shapes and types are read.
        calibration: its numbers become part of the program.
    """
    interface, shapes = task.interface(), _shapes(params)
    _, tree = jax.tree.flatten(jax.eval_shape(lambda p: task.shared(skeleton.model(p)), shapes))

    def shared(params: Params) -> Arrays:
        leaves = jax.tree_util.tree_flatten_with_path(task.shared(skeleton.model(params)))[0]
        return {jax.tree_util.keystr(p, simple=True, separator="/"): x for p, x in leaves}

    common = jax.eval_shape(shared, shapes)

    def predict(params: Params, shared: Arrays, batch: Batch) -> Arrays:
        leaves = [shared[name] for name in common]
        found = jax.tree.unflatten(tree, leaves)
        return task.answer(skeleton.model(params), batch, found, calibration)

    (size,) = export.symbolic_shape(BATCH)
    inputs = {
        name: jax.ShapeDtypeStruct((size, *one.shape), one.dtype)
        for name, one in interface.inputs.items()
    }
    exported = {"predict": _export(predict, shapes, common, inputs)}
    if common:
        exported["shared"] = _export(shared, shapes)
    outputs = jax.tree.unflatten(exported["predict"].out_tree, exported["predict"].out_avals)
    described = {"parameters": shapes, "shared": common, "inputs": inputs, "outputs": outputs}
    arrays = {kind: _described(found, interface) for kind, found in described.items()}
    return Programs(exported, _facts(interface, exported) | arrays)


def _export(function: Any, *arguments: Any) -> export.Exported:
    return export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)


def _facts(interface: Interface, exported: Mapping[str, export.Exported]) -> dict[str, Any]:
    return {
        "what": interface.description,
        "made_with": {"remote_jax": remote_jax.__version__, "jax": jax.__version__},
        "platforms": list(PLATFORMS),
        "programs": {
            name: {
                # Those of the flat arguments that the program reads; it takes no others.
                "arguments": list(one.module_kept_var_idx),
                "calling_convention": one.calling_convention_version,
                "sha256": hashlib.sha256(one.mlir_module_serialized).hexdigest(),
            }
            for name, one in exported.items()
        },
    }


def _shapes(params: Params) -> dict[str, jax.ShapeDtypeStruct]:
    return {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in params.items()}


def _described(arrays: Mapping[str, Any], interface: Interface) -> list[dict[str, Any]]:
    """Name, type and shape of arrays, `batch` standing for its size, and what is known of each."""
    found = []
    for name, array in arrays.items():
        shape = [size if isinstance(size, int) else BATCH for size in array.shape]
        one: dict[str, Any] = {"name": name, "dtype": str(array.dtype), "shape": shape}
        one |= {"about": interface.fields[name]} if name in interface.fields else {}
        one |= {"ranges": interface.ranges[name]} if name in interface.ranges else {}
        found.append(one)
    return found
