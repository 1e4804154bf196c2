"""Makes the model a config describes."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import bert, pretrained, vit
from remote_jax.errors import UserError
from remote_jax.remote.encoding import TextEncoding, VisualEncoding
from remote_jax.remote.mmoe import EXPERTS, MixtureOfExperts
from remote_jax.remote.model import PairClassifier, Remote
from remote_jax.remote.mot import MultilevelTransport


def remote(config: ConfigDict, *, relations: int, vocabulary: int, rngs: nnx.Rngs) -> Remote:
    """REMOTE as `config` says.

    Args:
      relations: size of the relation vocabulary, no relation included.
      vocabulary: size of the tokenizer's vocabulary, markers included.

    Raises:
      UserError: a pretrained checkpoint does not fit, or an expert is unknown.
    """
    dtype = jnp.dtype(config.compute_dtype)
    return assemble(
        config,
        text(config, vocabulary, dtype, rngs),
        vision(config, dtype, rngs),
        pretrained.image_statistics(config.vision.pretrained),
        relations=relations,
        rngs=rngs,
    )


def keep_settings(config: ConfigDict, folder: Path) -> None:
    """Keeps in `folder` what `shapes` needs to know of pretrained encoders."""
    for part in ("text", "vision"):
        if config[part].pretrained:
            pretrained.keep_settings(config[part].pretrained, folder / part)


def shapes(config: ConfigDict, kept: Path, *, relations: int, vocabulary: int) -> Remote:
    """The model of `remote` with shapes instead of values, for parameters that are kept elsewhere.

    Args:
      kept: a folder filled by `keep_settings`; no checkpoint is opened.
    """
    dtype = jnp.dtype(config.compute_dtype)
    statistics = pretrained.image_statistics(kept / "vision" if config.vision.pretrained else "")

    def make() -> Remote:
        rngs = nnx.Rngs(0)
        return assemble(
            config,
            bert.Bert(text_shape(config, vocabulary, kept / "text"), dtype=dtype, rngs=rngs),
            vit.ViT(vision_shape(config, kept / "vision"), dtype=dtype, rngs=rngs),
            statistics,
            relations=relations,
            rngs=rngs,
        )

    return nnx.eval_shape(make)


def assemble(
    config: ConfigDict,
    text_encoder: bert.Bert,
    vision_encoder: vit.ViT,
    statistics: Mapping[str, tuple[float, ...]],
    *,
    relations: int,
    rngs: nnx.Rngs,
) -> Remote:
    """REMOTE around two encoders; `statistics` as of `pretrained.image_statistics`."""
    dtype = jnp.dtype(config.compute_dtype)
    text_dim, vision_dim = text_encoder.config.dim, vision_encoder.config.dim
    text_blocks, vision_blocks = len(text_encoder.blocks), len(vision_encoder.blocks)
    mmoe = None
    if config.model.mmoe == "on":
        mmoe = MixtureOfExperts(
            text_dim,
            vision_dim,
            text_blocks + 1,
            vision_blocks + 1,
            experts=experts(config.model.experts),
            dtype=dtype,
            rngs=rngs,
        )
    return Remote(
        TextEncoding(text_encoder, fusion(config, text_blocks, text_dim, dtype, rngs)),
        VisualEncoding(
            vision_encoder,
            fusion(config, vision_blocks, vision_dim, dtype, rngs),
            **statistics,
            dtype=dtype,
            rngs=rngs,
        ),
        mmoe,
        PairClassifier(
            text_dim,
            vision_dim,
            relations,
            dropout=config.model.dropout,
            dtype=dtype,
            rngs=rngs,
        ),
    )


def experts(names: str) -> frozenset[str]:
    """The experts of Table 5 named in a comma-separated list."""
    chosen = frozenset(name.strip() for name in names.split(",") if name.strip())
    unknown = sorted(chosen - set(EXPERTS))
    if not chosen:
        raise UserError("model.experts is empty; without experts it is model.mmoe=off")
    if unknown:
        raise UserError(f"model.experts names {unknown[0]!r}; the experts are {', '.join(EXPERTS)}")
    return chosen


SIZES = ("dim", "layers", "heads", "mlp_dim")
FROM_SCRATCH = {
    "text": ("vocab_size", *SIZES, "max_positions"),
    "vision": ("image_size", "patch", *SIZES),
}


def check_sizes(config: ConfigDict) -> None:
    """Raises a UserError unless encoders without a checkpoint have all their sizes."""
    for part, keys in FROM_SCRATCH.items():
        missing = [key for key in keys if key not in config[part]]
        if missing and not config[part].pretrained:
            raise UserError(
                f"config.{part}.pretrained is empty, and this preset has no config.{part}."
                f"{missing[0]}: name a checkpoint, or take a preset whose encoders have sizes, as "
                "configs/umre.py:sample."
            )


def fusion(
    config: ConfigDict, blocks: int, dim: int, dtype: jnp.dtype, rngs: nnx.Rngs
) -> MultilevelTransport:
    """The multilevel fusion of one encoder."""
    return MultilevelTransport(
        blocks,
        dim,
        fusion=config.model.mot,
        epsilon=config.model.epsilon,
        iterations=config.model.iterations,
        dtype=dtype,
        rngs=rngs,
    )


def text(config: ConfigDict, vocabulary: int, dtype: jnp.dtype, rngs: nnx.Rngs) -> bert.Bert:
    """BERT from a checkpoint, or of the size the config gives."""
    size = config.text
    if size.pretrained:
        return pretrained.load_bert(
            size.pretrained,
            vocab_size=vocabulary,
            dropout=size.dropout,
            dtype=dtype,
            rngs=rngs,
        )
    return bert.Bert(text_shape(config, vocabulary, Path()), dtype=dtype, rngs=rngs)


def text_shape(config: ConfigDict, vocabulary: int, kept: Path) -> bert.BertConfig:
    """Settings of the text encoder: of the checkpoint's kept in `kept`, or of the config."""
    size = config.text
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


def vision(config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs) -> vit.ViT:
    """ViT from a checkpoint, or of the size the config gives."""
    size = config.vision
    if size.pretrained:
        return pretrained.load_vit(size.pretrained, dropout=size.dropout, dtype=dtype)
    return vit.ViT(vision_shape(config, Path()), dtype=dtype, rngs=rngs)


def vision_shape(config: ConfigDict, kept: Path) -> vit.ViTConfig:
    """Settings of the vision encoder, as `text_shape` gives those of the text encoder."""
    size = config.vision
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
