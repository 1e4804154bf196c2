"""Running a frozen encoder over the inputs of a data set, in batches of one shape."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Shaped

from remote_jax.data.batches.in_thread import ahead
from remote_jax.encoders.bert import BertConfig
from remote_jax.encoders.vit import ViTConfig
from remote_jax.reporting.progress import tracked

SIZE = 32
"""Items that are encoded together, which bounds the memory."""

Arrays = Mapping[str, Shaped[np.ndarray, "..."]]


@dataclass(frozen=True)
class Inputs:
    """What an encoder reads of a data set.

    Attributes:
        items: what is read, in its order.
        read: the arrays of an item, and how many of the vectors that are made of them count, the
            first ones.
        counts: how many count by key, in the order of the items; a key may be of several of them.
        unit: of the items, in the plural.
        facts: of what is read, beside the keys, as JSON values.
    """

    items: Sequence[Any]
    read: Callable[[Any], tuple[Arrays, int]]
    counts: Mapping[bytes, int]
    unit: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def encoded(
    encode: Callable[[dict[str, np.ndarray]], Float[jax.Array, "b m d"]],
    inputs: Inputs,
    doing: str,
) -> Iterator[Float[np.ndarray, "rows d"]]:
    """The vectors of all inputs in their order, those of some items at a time.

    Items are read by a thread while those before are encoded.

    Args:
        encode: makes vectors of the arrays of `SIZE` items; compiled.
        doing: for the progress.
    """

    def batch(some: Sequence[Any]) -> tuple[dict[str, np.ndarray], list[int]]:
        found = [inputs.read(item) for item in some]
        arrays, counts = [one for one, _ in found], [count for _, count in found]
        arrays += arrays[-1:] * (SIZE - len(arrays))
        return {name: np.stack([one[name] for one in arrays]) for name in arrays[0]}, counts

    items = inputs.items
    chunks = [items[start : start + SIZE] for start in range(0, len(items), SIZE)]
    read = ahead(batch, chunks)
    for arrays, counts in tracked(read, doing, inputs.unit, len(items), each=SIZE):
        made = np.asarray(encode(arrays), np.float32)
        yield np.concatenate([one[:count] for one, count in zip(made, counts, strict=False)])


def facts(
    config: BertConfig | ViTConfig, params: Mapping[str, Shaped[np.ndarray, "..."]], dtype: str
) -> dict[str, Any]:
    """What the vectors of an encoder depend on beside what it reads, as JSON values.

    Args:
        params: all of its parameters, on the host.
        dtype: that it computes in.
    """
    digest = hashlib.sha256()
    for name in sorted(params):
        value = np.ascontiguousarray(params[name])
        digest.update(f"{name} {value.dtype} {value.shape} ".encode())
        digest.update(value.tobytes())
    return {
        "encoder": asdict(replace(config, dropout=0.0, attention_dropout=0.0)),
        "parameters": digest.hexdigest(),
        "dtype": dtype,
        # Devices of different kinds round differently.
        "device": jax.devices()[0].device_kind,
    }
