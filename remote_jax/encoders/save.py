"""Writes encoders as `transformers` reads them: the way back of `pretrained`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from flax import nnx
from safetensors.numpy import save

from remote_jax.encoders import configs
from remote_jax.encoders.bert import Bert
from remote_jax.encoders.names import BERT, CLIP, VIT
from remote_jax.encoders.vit import ViT
from remote_jax.encoders.weights import SINGLE


def save_bert(model: Bert, folder: Path) -> None:
    """Writes config.json and model.safetensors, for `BertModel.from_pretrained`.

    The config's vocab_size is that of the table, added markers included.
    """
    _save(model, folder)


def save_vit(model: ViT, folder: Path, *, mean: Sequence[float], std: Sequence[float]) -> None:
    """Writes config.json and model.safetensors, for `ViTModel.from_pretrained`.

    An encoder with CLIP's LayerNorm before its blocks is one for `CLIPVisionModel`. The kernel of
    depth patches is left out: there is no place for it there.

    Args:
      mean, std: of the RGB channels in [0, 1], for preprocessor_config.json.
    """
    _save(model, folder)
    side = model.config.image_size
    processor = {
        "image_processor_type": "CLIPImageProcessor"
        if model.config.pre_norm
        else "ViTImageProcessor",
        "image_mean": list(mean),
        "image_std": list(std),
        "size": {"height": side, "width": side},
        "do_center_crop": False,
    }
    _write_json(folder / "preprocessor_config.json", processor)


def _save(model: Bert | ViT, folder: Path) -> None:
    names, prefix = BERT, ""
    if isinstance(model, ViT):
        # The class of the tower alone has one more module around it than ViT's.
        names, prefix = (CLIP, "vision_model.") if model.config.pre_norm else (VIT, "")
    arrays = {}
    for where, value in nnx.to_flat_state(nnx.state(model)):
        if where != ("depth_kernel",):
            values = names.revert(where, np.asarray(value[...]))
            # safetensors writes memory as it lies, whatever the strides say.
            arrays[prefix + names.name(where)] = np.ascontiguousarray(values)
    folder.mkdir()
    # Not save_file, whose file nobody else may read.
    (folder / SINGLE).write_bytes(save(arrays, metadata={"format": "pt"}))
    _write_json(folder / "config.json", configs.settings(model.config))


def _write_json(path: Path, value: Mapping[str, object]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
