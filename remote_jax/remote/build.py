"""Makes the model a config describes."""

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
    text_encoder = text(config, vocabulary, dtype, rngs)
    vision_encoder = vision(config, dtype, rngs)
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
            **pretrained.image_statistics(config.vision.pretrained),
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
    shape = bert.BertConfig(
        vocab_size=vocabulary,
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        mlp_dim=size.mlp_dim,
        max_positions=size.max_positions,
        dropout=size.dropout,
        attention_dropout=size.dropout,
    )
    return bert.Bert(shape, dtype=dtype, rngs=rngs)


def vision(config: ConfigDict, dtype: jnp.dtype, rngs: nnx.Rngs) -> vit.ViT:
    """ViT from a checkpoint, or of the size the config gives."""
    size = config.vision
    if size.pretrained:
        return pretrained.load_vit(size.pretrained, dropout=size.dropout, dtype=dtype)
    shape = vit.ViTConfig(
        image_size=size.image_size,
        patch=size.patch,
        dim=size.dim,
        layers=size.layers,
        heads=size.heads,
        mlp_dim=size.mlp_dim,
        dropout=size.dropout,
    )
    return vit.ViT(shape, dtype=dtype, rngs=rngs)
