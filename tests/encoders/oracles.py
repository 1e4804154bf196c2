"""Flax models of transformers as oracles, and their parameters in PyTorch's layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

Arrays = dict[str, np.ndarray]


@dataclass
class Oracle:
    """A Flax model of transformers and its parameters."""

    model: Any
    params: Any

    @classmethod
    def random(cls, kind: type, config: Any, scale: float) -> "Oracle":
        """Noise in all parameters, LayerNorm's scales around 1 and the rest around 0.

        Each has its own stretch of one noise: a base model's drawn number by number take seconds.
        """
        model, generator = kind(config, _do_init=False), np.random.default_rng(0)
        leaves = jax.tree.leaves(model.params_shape_tree)
        most = max(like.size for like in leaves)
        noise = generator.normal(0.0, scale, most + 1009 * len(leaves)).astype(np.float32)
        starts = iter(range(0, len(noise), 1009))

        def draw(path: Any, like: Any) -> np.ndarray:
            centre = np.float32("scale" in str(path[-1]))
            start = next(starts)
            return centre + noise[start : start + like.size].reshape(like.shape)

        return cls(model, jax.tree_util.tree_map_with_path(draw, model.params_shape_tree))

    def save(self, folder: Path) -> None:
        """Writes config.json and flax_model.msgpack."""
        self.model.save_pretrained(folder, params=self.params)

    def __call__(self, *inputs: np.ndarray) -> dict[str, Any]:
        """The outputs by name, `hidden_states` among them."""

        def run(params: Any) -> dict[str, Any]:
            return dict(self.model(*inputs, params=params, output_hidden_states=True).items())

        return jax.jit(run)(self.params)


def to_torch(params: Mapping[str, Any]) -> Arrays:
    """Flax parameters under PyTorch's names and in its layout."""
    renamed = {"kernel": "weight", "scale": "weight", "embedding": "weight"}
    arrays = {}
    for path, value in flatten_dict(params).items():
        if path[-1] == "kernel":
            value = value.T if value.ndim == 2 else value.transpose(3, 2, 0, 1)
        name = ".".join((*path[:-1], renamed.get(path[-1], path[-1])))
        arrays[name] = np.ascontiguousarray(value)
    return arrays


def to_flax(arrays: Arrays, like: Mapping[str, Any]) -> Any:
    """PyTorch's linear layers, tables and norms, in a Flax tree of the structure of `like`.

    What is not in `arrays`, such as a pooler, is as in `like`.
    """
    result = {}
    for (path, value), name in zip(flatten_dict(like).items(), to_torch(like), strict=True):
        found = arrays.get(name)
        if found is not None:
            value = found.T if path[-1] == "kernel" else found
        result[path] = value
    return unflatten_dict(result)
