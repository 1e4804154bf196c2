"""Writes encoders as `transformers` reads them, and what a run and an export have of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from flax import nnx
from ml_collections import ConfigDict
from safetensors.numpy import save

from remote_jax.data.release import copy_notice
from remote_jax.encoders import build, configs
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.encoders.bert import Bert
from remote_jax.encoders.names import BERT, CLIP, VIT
from remote_jax.encoders.vit import ViT
from remote_jax.encoders.weights import SINGLE
from remote_jax.reporting.progress import working

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER, ENCODERS = "tokenizer", "encoders"
"""Folders in a workdir: of the tokenizer, and of the settings of pretrained encoders."""


class VisionEncoding(Protocol):
    """A ViT, and the mean and deviation of the pixels that it expects."""

    vit: ViT
    mean: tuple[float, ...]
    std: tuple[float, ...]


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


def save_for_run(
    config: ConfigDict, workdir: Path, texts: Iterable[str], parts: Iterable[str] = build.PARTS
) -> None:
    """Writes what prediction needs of the tokenizer and of pretrained encoders.

    Args:
        config: the whole config; `parts` of it are read.
        workdir: of the run.
        texts: as `tokenizer_of` takes them.
        parts: the encoders that the model has.

    Raises:
        UserError: a tokenizer or an encoder that is named cannot be read.
    """
    tokenizer_of(config, texts).save_pretrained(workdir / TOKENIZER)
    build.save_settings(config, workdir / ENCODERS, parts)


def tokenizer_of(config: ConfigDict, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokenizer that a new run of a config has.

    That of the run or export that `train.init` names, else that of `text.pretrained`, else a new
    one.

    Args:
        config: the whole config.
        texts: what to train a tokenizer on where none is named.

    Raises:
        UserError: a tokenizer that is named cannot be read.
    """
    text = config.text
    if config.train.init:  # its parameters are of these word pieces and no others
        return tokenizers.read(Path(config.train.init).expanduser() / TOKENIZER)
    if text.pretrained:
        return tokenizers.load(text.pretrained)
    with working("training the tokenizer"):
        return tokenizers.train(texts, text.vocab_size)


def tokenizer_in(
    workdir: Path | None, config: ConfigDict, texts: Iterable[str]
) -> PreTrainedTokenizerFast:
    """The tokenizer that a run keeps; without a run, that of a new one (`tokenizer_of`).

    Raises:
        UserError: it cannot be read.
    """
    if workdir is None:
        return tokenizer_of(config, texts)
    return tokenizers.read(workdir / TOKENIZER)


def save_for_export(workdir: Path, folder: Path, bert: Bert, vision: VisionEncoding | None) -> None:
    """Writes what `save_for_run` wrote, and the encoders as other libraries read them.

    Args:
        workdir: of the run.
        folder: of the export.
    """
    copy_notice(folder)
    for name in (TOKENIZER, ENCODERS):
        if (workdir / name).is_dir():
            shutil.copytree(workdir / name, folder / name)
    save_bert(bert, folder / "bert")
    if vision is not None:
        save_vit(vision.vit, folder / "vit", mean=vision.mean, std=vision.std)


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
