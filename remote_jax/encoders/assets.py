"""Tokenizer and encoders as a run keeps them beside its checkpoints, and as an export has them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ml_collections import ConfigDict

from remote_jax.data.release import copy_notice
from remote_jax.encoders import build, save
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.encoders.bert import Bert
from remote_jax.encoders.vit import ViT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER, ENCODERS = "tokenizer", "encoders"
"""Folders in a workdir: of the tokenizer, and of the settings of pretrained encoders."""


class VisionEncoding(Protocol):
    """A ViT, and the mean and deviation of the pixels that it expects."""

    vit: ViT
    mean: tuple[float, ...]
    std: tuple[float, ...]


def write(
    config: ConfigDict, workdir: Path, texts: Iterable[str], parts: Iterable[str] = build.PARTS
) -> None:
    """Writes what prediction needs of the tokenizer and of pretrained encoders.

    Args:
        config: the whole config; `parts` of it are read.
        workdir: of the run.
        texts: what to train a tokenizer on where none is named.
        parts: the encoders that the model has.

    Raises:
        UserError: a tokenizer or an encoder that is named cannot be read.
    """
    text = config.text
    tokenizer = (
        tokenizers.load(text.pretrained)
        if text.pretrained
        else tokenizers.train(texts, text.vocab_size)
    )
    tokenizer.save_pretrained(workdir / TOKENIZER)
    build.save_settings(config, workdir / ENCODERS, parts)


def load_tokenizer(workdir: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a run."""
    return tokenizers.load(workdir / TOKENIZER)


def export(
    folder: Path, tokenizer: PreTrainedTokenizerFast, bert: Bert, vision: VisionEncoding | None
) -> None:
    """Writes the tokenizer and the encoders as other libraries read them, and the notice."""
    copy_notice(folder)
    tokenizer.save_pretrained(folder / TOKENIZER)
    save.save_bert(bert, folder / "bert")
    if vision is not None:
        save.save_vit(vision.vit, folder / "vit", mean=vision.mean, std=vision.std)
