"""Encoders of transformers with random weights."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import transformers
from flax_classes import flax_class
from oracles import Oracle, to_torch
from safetensors.numpy import save_file


@pytest.fixture(scope="session")
def flax_bert() -> Callable[..., Oracle]:
    """Makes a FlaxBertModel; the default sizes are tiny. Asked again, the last one is given."""

    @lru_cache(maxsize=1)
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
        return Oracle.random(flax_class("FlaxBertModel"), config, scale)

    return make


@pytest.fixture(scope="session")
def flax_vision() -> Callable[..., Oracle]:
    """Makes a FlaxViTModel ("vit"), FlaxCLIPVisionModel ("tower") or FlaxCLIPModel ("clip").

    Asked again for the same, the last one is given.
    """

    @lru_cache(maxsize=1)
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
            return Oracle.random(flax_class("FlaxViTModel"), config, scale)
        if kind == "tower":
            config = transformers.CLIPVisionConfig(**sizes)
            return Oracle.random(flax_class("FlaxCLIPVisionModel"), config, scale)
        text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        text |= {"intermediate_size": 16, "vocab_size": 50, "max_position_embeddings": 10}
        config = transformers.CLIPConfig(text_config=text, vision_config=sizes, projection_dim=8)
        return Oracle.random(flax_class("FlaxCLIPModel"), config, scale)

    return make


@pytest.fixture
def bert(flax_bert, tmp_path):
    """A folder with a tiny BERT as PyTorch saves it."""
    oracle = flax_bert(num_hidden_layers=2)
    oracle.model.config.save_pretrained(tmp_path)
    save_file(to_torch(oracle.params), tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def packed(flax_bert, tmp_path):
    """A folder with the same BERT as Flax saves it."""
    flax_bert(num_hidden_layers=2).save(tmp_path / "packed")
    return tmp_path / "packed"
