"""Reads the settings of a pretrained encoder from its `config.json`."""

import reprlib
from pathlib import Path
from typing import Any, TypeVar

from remote_jax.encoders.bert import BertConfig
from remote_jax.encoders.folder import read_settings
from remote_jax.encoders.vit import ViTConfig
from remote_jax.errors import UserError

FILES = ("config.json", "preprocessor_config.json")
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_new",
    "gelu_pytorch_tanh": "gelu_new",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
}

# Their setting: our field, and the default of the architecture, which a config.json may leave out.
Settings = dict[str, tuple[str, Any]]
SIZES: Settings = {
    "hidden_size": ("dim", 768),
    "num_hidden_layers": ("layers", 12),
    "num_attention_heads": ("heads", 12),
    "intermediate_size": ("mlp_dim", 3072),
}
BERT: Settings = SIZES | {
    "vocab_size": ("vocab_size", 30522),
    "max_position_embeddings": ("max_positions", 512),
    "type_vocab_size": ("type_vocab", 2),
    "layer_norm_eps": ("layer_norm_eps", 1e-12),
    "hidden_dropout_prob": ("dropout", 0.1),
    "attention_probs_dropout_prob": ("attention_dropout", 0.1),
    "hidden_act": ("activation", "gelu"),
}
VIT: Settings = SIZES | {
    "image_size": ("image_size", 224),
    "patch_size": ("patch", 16),
    "layer_norm_eps": ("layer_norm_eps", 1e-12),
    "hidden_dropout_prob": ("dropout", 0.0),
    "attention_probs_dropout_prob": ("attention_dropout", 0.0),
    "hidden_act": ("activation", "gelu"),
    "qkv_bias": ("qkv_bias", True),
}
CLIP: Settings = SIZES | {
    "image_size": ("image_size", 224),
    "patch_size": ("patch", 32),
    "layer_norm_eps": ("layer_norm_eps", 1e-5),
    "attention_dropout": ("attention_dropout", 0.0),
    "hidden_act": ("activation", "quick_gelu"),
}
# Far above any published encoder: what is larger is a mistake, and would be built.
LARGEST = {"num_hidden_layers": 512, "num_attention_heads": 1024}
LARGEST_SIZE = 2**22

C = TypeVar("C", BertConfig, ViTConfig)


def bert_config(folder: Path) -> BertConfig:
    """Settings of the BERT in `folder`. Raises UserError if config.json is not that of a BERT."""
    file = folder / "config.json"
    content = read_settings(file)
    check(file, content, "model_type", "bert")
    check(file, content, "position_embedding_type", "absolute", None)
    check(file, content, "is_decoder", False, None)
    return make(BertConfig, file, read(file, content, BERT))


def vit_config(folder: Path) -> ViTConfig:
    """Settings of the ViT, or of the vision tower of the CLIP, in `folder`.

    Raises UserError if config.json is that of neither.
    """
    file = folder / "config.json"
    content = read_settings(file)
    check(file, content, "model_type", "vit", "clip", "clip_vision_model")
    clip = content["model_type"] != "vit"
    if content["model_type"] == "clip":
        # The first CLIP checkpoints have the tower's settings in full under a second name.
        content = content.get("vision_config_dict") or content.get("vision_config") or {}
        if not isinstance(content, dict):
            raise UserError(f"{file}: vision_config is {reprlib.repr(content)}, expected an object")
    check(file, content, "num_channels", 3, None)
    tower = {"pre_norm": True, "patch_bias": False} if clip else {}
    return make(ViTConfig, file, read(file, content, CLIP if clip else VIT) | tower)


def settings(config: BertConfig | ViTConfig) -> dict[str, Any]:
    """The config.json of an encoder, which `bert_config` or `vit_config` reads back."""
    if isinstance(config, BertConfig):
        kind, architecture, known = "bert", "BertModel", BERT
    elif config.pre_norm:
        kind, architecture, known = "clip_vision_model", "CLIPVisionModel", CLIP
    else:
        kind, architecture, known = "vit", "ViTModel", VIT
    return {
        "model_type": kind,
        "architectures": [architecture],
        **{key: getattr(config, field) for key, (field, _) in known.items()},
    }


def make(kind: type[C], file: Path, fields: dict[str, Any]) -> C:
    """A config of `fields`, whose errors name the file."""
    try:
        return kind(**fields)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error


def check(file: Path, content: dict[str, Any], key: str, *expected: Any) -> None:
    """Raises UserError unless setting `key` is one of `expected`; None stands for no setting."""
    found = content.get(key)
    if not any(found == value and type(found) is type(value) for value in expected):
        values = " or ".join(repr(value) for value in expected if value is not None)
        raise UserError(f"{file}: {key} is {reprlib.repr(found)}, expected {values}")


def read(file: Path, content: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Our fields of a config.json, each of the type and in the range of its kind."""
    return {
        field: value(file, key, content.get(key), default)
        for key, (field, default) in settings.items()
    }


def value(file: Path, key: str, found: Any, default: Any) -> Any:
    """One setting, or its default where the file has none."""
    if found is None:
        return default
    if isinstance(default, bool):
        good, expected = isinstance(found, bool), "true or false"
    elif isinstance(default, int):
        top = LARGEST.get(key, LARGEST_SIZE)
        good = type(found) is int and 1 <= found <= top
        expected = f"a whole number from 1 to {top}"
    elif isinstance(default, float):
        good = type(found) in (int, float) and 0 <= found < 1
        expected = "a number from 0 to below 1"
    else:
        good = isinstance(found, str) and found in ACTIVATIONS
        expected = f"one of {', '.join(ACTIVATIONS)}"
    if not good:
        raise UserError(f"{file}: {key} is {reprlib.repr(found)}, expected {expected}")
    return ACTIVATIONS[found] if isinstance(found, str) else found
