"""Makes the model a config describes."""

from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.encoders import bert, build, pretrained, vit
from remote_jax.errors import UserError
from remote_jax.remote.model.encoding import TextEncoding, VisualEncoding
from remote_jax.remote.model.mmoe import EXPERTS, MixtureOfExperts
from remote_jax.remote.model.mot import MultilevelTransport
from remote_jax.remote.model.remote import PairClassifier, Remote


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
        build.text(config.text, vocabulary, dtype, rngs),
        build.vision(config.vision, dtype, rngs),
        pretrained.image_statistics(config.vision.pretrained),
        relations=relations,
        rngs=rngs,
    )


def keep_settings(config: ConfigDict, folder: Path) -> None:
    """Keeps in `folder` what `shapes` needs to know of pretrained encoders."""
    for part in ("text", "vision"):
        build.keep_settings(config[part], folder / part)


def shapes(config: ConfigDict, kept: Path, *, relations: int, vocabulary: int) -> Remote:
    """The model of `remote` with shapes instead of values, for parameters that are kept elsewhere.

    Args:
      kept: a folder filled by `keep_settings`; no checkpoint is opened.
    """
    dtype = jnp.dtype(config.compute_dtype)
    statistics = pretrained.image_statistics(kept / "vision" if config.vision.pretrained else "")
    text_shape = build.text_shape(config.text, vocabulary, kept / "text")
    vision_shape = build.vision_shape(config.vision, kept / "vision")

    def make() -> Remote:
        rngs = nnx.Rngs(0)
        return assemble(
            config,
            bert.Bert(text_shape, dtype=dtype, rngs=rngs),
            vit.ViT(vision_shape, dtype=dtype, rngs=rngs),
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
