"""Reads the tensors of a checkpoint: `model.safetensors`, its shards, or `flax_model.msgpack`.

Nothing is unpickled: a folder that only has PyTorch's `.bin` files is refused.
"""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import msgpack
import numpy as np
from flax.serialization import msgpack_restore
from safetensors import SafetensorError, safe_open

from remote_jax.encoders import folder as files
from remote_jax.errors import UserError, reason

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
PACKED = "flax_model.msgpack"
SAFETENSORS = (SINGLE, INDEX, "model-*.safetensors")
# The last part of a name, in Flax, in PyTorch and in checkpoints as old as BERT's first.
LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight", "gamma": "weight"}
LEAVES["beta"] = "bias"


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint: where it is, how it is called there, and how to get it.

    Args:
      flax: whether kernels are laid out as in Flax, inputs first.
    """

    file: Path
    name: str
    shape: tuple[int, ...]
    flax: bool
    get: Callable[[], np.ndarray]

    def read(self) -> np.ndarray:
        """The values in float32. Raises UserError if they are no floats, or not finite."""
        try:
            values = self.get()
        except (SafetensorError, OSError, ValueError) as error:
            raise UserError(f"{self.file}: {self.name} cannot be read: {reason(error)}.") from error
        if not jnp.issubdtype(values.dtype, jnp.floating):
            raise UserError(
                f"{self.file}: {self.name} has dtype {values.dtype}, expected a floating one"
            )
        values = np.asarray(values, np.float32)
        if not np.isfinite(values).all():
            raise UserError(f"{self.file}: {self.name} has values that are not finite")
        return values


@dataclass(frozen=True)
class Weights:
    """The tensors of a checkpoint by name, the names spelt as PyTorch does.

    Args:
      file: the checkpoint, or the index of its shards.
    """

    file: Path
    tensors: Mapping[str, Tensor]


def exist(folder: Path) -> bool:
    """Whether `folder` has a checkpoint that `load` opens."""
    return any((folder / name).is_file() for name in (SINGLE, INDEX, PACKED))


def load(folder: Path) -> Weights:
    """Opens the checkpoint in `folder`; safetensors go before msgpack.

    Raises UserError if there is none, or if it is malformed.
    """
    single, index, packed = folder / SINGLE, folder / INDEX, folder / PACKED
    if single.is_file():
        return Weights(single, by_name(safetensors(single)))
    if index.is_file():
        found = (tensor for shard in shards(index) for tensor in safetensors(shard))
        return Weights(index, by_name(found))
    if packed.is_file():
        return Weights(packed, by_name(unpack(packed)))
    raise UserError(
        f"{folder} has neither model.safetensors nor flax_model.msgpack; pickled weights "
        "(pytorch_model.bin) are never opened, save them again with safe_serialization=True"
    )


def by_name(tensors: Iterator[Tensor]) -> dict[str, Tensor]:
    """Tensors by the name PyTorch gives them today."""
    result: dict[str, Tensor] = {}
    for tensor in tensors:
        *path, leaf = tensor.name.split(".")
        name = ".".join([*path, LEAVES.get(leaf, leaf)])
        if name in result:
            raise UserError(
                f"{tensor.file}: {tensor.name} and {result[name].name} are the same parameter"
            )
        result[name] = tensor
    return result


def shards(index: Path) -> list[Path]:
    """The files an index of safetensors names, all of them in its folder."""
    content = files.read_settings(index).get("weight_map")
    if not isinstance(content, dict) or not content:
        raise UserError(f"{index} has no weight_map")
    names = list(content.values())
    for name in names:
        plain = isinstance(name, str) and Path(name).name == name
        if not plain or not name.endswith(".safetensors"):
            raise UserError(f"{index} names {reprlib.repr(name)}, expected safetensors beside it")
    return [index.parent / name for name in sorted(set(names))]


def safetensors(file: Path) -> Iterator[Tensor]:
    """The tensors of one file, which are read when they are asked for."""
    try:
        handle = safe_open(file, framework="np")
        flax = (handle.metadata() or {}).get("format") == "flax"
        for name in handle.keys():  # noqa: SIM118, a handle is no mapping
            shape = tuple(handle.get_slice(name).get_shape())
            yield Tensor(file, name, shape, flax, partial(handle.get_tensor, name))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file} is no complete safetensors file: {reason(error)}.") from error


def unpack(file: Path) -> Iterator[Tensor]:
    """The arrays of a Flax checkpoint, whose file says the size of each and holds no code."""
    try:
        tree = msgpack_restore(file.read_bytes())
        leaves = list(flatten(tree, ""))
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        msgpack.UnpackException,
    ) as error:
        raise UserError(f"{file} is no complete Flax checkpoint: {reason(error)}.") from error
    for name, values in leaves:
        yield Tensor(file, name, values.shape, True, partial(np.asarray, values))


def flatten(tree: Any, path: str) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of nested dictionaries, named by their keys with dots between."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from flatten(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, np.ndarray):
        yield path, tree
