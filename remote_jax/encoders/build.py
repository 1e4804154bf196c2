"""Makes the encoders that the parts `text` and `vision` of a config describe."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import bert, pretrained, vit
from remote_jax.errors import UserError

M = TypeVar("M", bound=nnx.Module)
PARTS = ("text", "vision")
"""Parts of a config that describe an encoder."""

SIZES = ("dim", "layers", "heads", "mlp_dim")
FROM_SCRATCH = {
    "text": ("vocab_size", *SIZES, "max_positions"),
    "vision": ("image_size", "patch", *SIZES),
}


class Encoders(NamedTuple):
    """What a system is built around.

    Attributes:
      text: of the words.
      vision: of the objects; None where the model reads no pictures.
      statistics: `mean` and `std` of the pixels that `vision` expects
        (`pretrained.image_statistics`).
    """

    text: bert.Bert
    vision: vit.ViT | None
    statistics: Mapping[str, tuple[float, ...]]


def check_sizes(config: ConfigDict, parts: Iterable[str], example: str) -> None:
    """Raises a UserError unless each encoder of `parts` has a checkpoint or all its sizes.

    Args:
      parts: some of `PARTS`.
      example: a preset whose encoders have sizes.
    """
    for part in parts:
        missing = [key for key in FROM_SCRATCH[part] if key not in config[part]]
        if missing and not config[part].pretrained:
            raise UserError(
                f"config.{part}.pretrained is empty, and this preset has no config.{part}."
                f"{missing[0]}: name a checkpoint, or take a preset whose encoders have sizes, as "
                f"{example}."
            )


def save_settings(config: ConfigDict, folder: Path, parts: Iterable[str] = PARTS) -> None:
    """Saves in `folder` what `shapes` needs to know of pretrained encoders."""
    for part in parts:
        if config[part].pretrained:
            pretrained.copy_settings(config[part].pretrained, folder / part)


def load(
    config: ConfigDict, vocabulary: int, rngs: nnx.Rngs, parts: Iterable[str] = PARTS
) -> Encoders:
    """The encoders `parts`, from their checkpoints or, without one, with random parameters.

    Args:
      vocabulary: size of the tokenizer's vocabulary, markers included.

    Raises:
      UserError: a checkpoint does not fit.
    """
    dtype = jnp.dtype(config.compute_dtype)
    words = text(config.text, vocabulary, dtype, rngs)
    if "vision" not in parts:
        return Encoders(words, None, {})
    objects = vision(config.vision, dtype, rngs)
    return Encoders(words, objects, pretrained.image_statistics(config.vision.pretrained))


def shapes(
    config: ConfigDict,
    vocabulary: int,
    folder: Path,
    assemble: Callable[[Encoders, nnx.Rngs], M],
    parts: Iterable[str] = PARTS,
) -> M:
    """A model around encoders, with shapes for values; no checkpoint is opened.

    Args:
      vocabulary: size of the tokenizer's vocabulary, markers included.
      folder: what `save_settings` filled.
      assemble: makes the model, given its encoders.
    """
    dtype = jnp.dtype(config.compute_dtype)
    words = text_config(config.text, vocabulary, folder / "text")
    objects: vit.ViTConfig | None = None
    statistics: Mapping[str, tuple[float, ...]] = {}
    if "vision" in parts:
        objects = vision_config(config.vision, folder / "vision")
        statistics = pretrained.image_statistics(
            folder / "vision" if config.vision.pretrained else ""
        )

    def make() -> M:
        rngs = nnx.Rngs(0)
        text_encoder = bert.Bert(words, dtype=dtype, rngs=rngs)
        vision_encoder = None if objects is None else vit.ViT(objects, dtype=dtype, rngs=rngs)
        return assemble(Encoders(text_encoder, vision_encoder, statistics), rngs)

    return nnx.eval_shape(make)


def text(size: ConfigDict, vocabulary: int, dtype: jnp.dtype, rngs: nnx.Rngs) -> bert.Bert:
    """BERT from a checkpoint, or of the size the config gives."""
    if size.pretrained:
        return pretrained.load_bert(
            size.pretrained,
            vocab_size=vocabulary,
            dropout=size.dropout,
            dtype=dtype,
            rngs=rngs,
        )
    return bert.Bert(text_config(size, vocabulary, Path()), dtype=dtype, rngs=rngs)


def text_config(size: ConfigDict, vocabulary: int, folder: Path) -> bert.BertConfig:
    """Settings of the text encoder: of the checkpoint's in `folder`, or of the config."""
    if size.pretrained:
        return pretrained.bert_shape(folder, vocab_size=vocabulary, dropout=size.dropout)
    return bert.BertConfig(
        vocab_size=vocabulary,
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        mlp_dim=size.mlp_dim,
        max_positions=size.max_positions,
        dropout=size.dropout,
        attention_dropout=size.dropout,
    )


def vision(size: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs) -> vit.ViT:
    """ViT from a checkpoint, or of the size the config gives."""
    if size.pretrained:
        return pretrained.load_vit(size.pretrained, dropout=size.dropout, dtype=dtype)
    return vit.ViT(vision_config(size, Path()), dtype=dtype, rngs=rngs)


def vision_config(size: ConfigDict, folder: Path) -> vit.ViTConfig:
    """Settings of the vision encoder, as `text_config` gives those of the text encoder."""
    if size.pretrained:
        return pretrained.vit_shape(folder, dropout=size.dropout)
    return vit.ViTConfig(
        image_size=size.image_size,
        patch=size.patch,
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        mlp_dim=size.mlp_dim,
        dropout=size.dropout,
        attention_dropout=size.dropout,
    )
