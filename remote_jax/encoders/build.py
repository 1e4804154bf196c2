"""Makes the encoders that the parts `text` and `vision` of a config describe."""

from pathlib import Path

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import bert, pretrained, vit
from remote_jax.errors import UserError

SIZES = ("dim", "layers", "heads", "mlp_dim")
FROM_SCRATCH = {
    "text": ("vocab_size", *SIZES, "max_positions"),
    "vision": ("image_size", "patch", *SIZES),
}


def check_sizes(config: ConfigDict, part: str, example: str) -> None:
    """Raises a UserError unless the encoder `part` has a checkpoint or all its sizes.

    Args:
      example: a preset whose encoders have sizes.
    """
    missing = [key for key in FROM_SCRATCH[part] if key not in config[part]]
    if missing and not config[part].pretrained:
        raise UserError(
            f"config.{part}.pretrained is empty, and this preset has no config.{part}."
            f"{missing[0]}: name a checkpoint, or take a preset whose encoders have sizes, as "
            f"{example}."
        )


def keep_settings(size: ConfigDict, folder: Path) -> None:
    """Keeps in `folder` what is needed to know the shape of a pretrained encoder."""
    if size.pretrained:
        pretrained.keep_settings(size.pretrained, folder)


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
    return bert.Bert(text_shape(size, vocabulary, Path()), dtype=dtype, rngs=rngs)


def text_shape(size: ConfigDict, vocabulary: int, kept: Path) -> bert.BertConfig:
    """Settings of the text encoder: of the checkpoint's kept in `kept`, or of the config."""
    if size.pretrained:
        return pretrained.bert_shape(kept, vocab_size=vocabulary, dropout=size.dropout)
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
    return vit.ViT(vision_shape(size, Path()), dtype=dtype, rngs=rngs)


def vision_shape(size: ConfigDict, kept: Path) -> vit.ViTConfig:
    """Settings of the vision encoder, as `text_shape` gives those of the text encoder."""
    if size.pretrained:
        return pretrained.vit_shape(kept, dropout=size.dropout)
    return vit.ViTConfig(
        image_size=size.image_size,
        patch=size.patch,
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        mlp_dim=size.mlp_dim,
        dropout=size.dropout,
    )
