"""BERT (Devlin et al. 2019): a post-norm transformer encoder over word pieces."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from remote_jax.encoders.attention import (
    EMBEDDING_INIT,
    Attention,
    Mask,
    Mlp,
    check_settings,
    dropout,
    layer_norm,
)
from remote_jax.errors import UserError
from remote_jax.training.remat import rematerialised


@dataclass(frozen=True)
class BertConfig:
    """Sizes of a BERT. `dropout` acts on features, `attention_dropout` on attention weights.

    Raises UserError if `heads` does not divide `dim`, the activation is unknown or a rate is not in
    [0, 1).
    """

    vocab_size: int
    dim: int
    layers: int
    heads: int
    mlp_dim: int
    max_positions: int
    type_vocab: int = 2
    layer_norm_eps: float = 1e-12
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: str = "gelu"

    def __post_init__(self):
        check_settings(self.dim, self.heads, self.activation, self.dropout, self.attention_dropout)


class Block(nnx.Module):
    """One layer of BERT: self-attention, then the MLP, a LayerNorm after each residual sum."""

    remat = False

    def __init__(self, config: BertConfig, *, dtype: DTypeLike, rngs: nnx.Rngs):
        self.rate = config.dropout
        self.attention = Attention(
            config.dim, config.heads, rate=config.attention_dropout, dtype=dtype, rngs=rngs
        )
        self.attention_norm = layer_norm(config.dim, config.layer_norm_eps, dtype=dtype, rngs=rngs)
        self.mlp = Mlp(config.dim, config.mlp_dim, config.activation, dtype=dtype, rngs=rngs)
        self.mlp_norm = layer_norm(config.dim, config.layer_norm_eps, dtype=dtype, rngs=rngs)

    @rematerialised
    def __call__(
        self,
        x: Float[Array, "b n d"],
        mask: Mask | None,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """Fˡ from Fˡ⁻¹; keys outside `mask` are not attended to."""
        x = self.attention_norm(x + dropout(self.attention(x, mask, rngs=rngs), self.rate, rngs))
        return self.mlp_norm(x + dropout(self.mlp(x), self.rate, rngs))


class Bert(nnx.Module):
    """BERT without its pooler.

    Args:
      config: sizes.
      dtype: compute dtype, float32 or bfloat16; parameters are float32.
      rngs: makes the initial parameters; it is not kept.
    """

    def __init__(self, config: BertConfig, *, dtype: DTypeLike = jnp.float32, rngs: nnx.Rngs):
        def table(rows: int) -> nnx.Embed:
            return nnx.Embed(rows, config.dim, embedding_init=EMBEDDING_INIT, rngs=rngs)

        self.config = config
        self.words = table(config.vocab_size)
        self.positions = table(config.max_positions)
        self.types = table(config.type_vocab)
        self.norm = layer_norm(config.dim, config.layer_norm_eps, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List(
            [Block(config, dtype=dtype, rngs=rngs) for _ in range(config.layers)]
        )

    def embed(
        self,
        tokens: Int[Array, "b n"],
        types: Int[Array, "b n"],
        *,
        extra: Int[Array, "b e"] | None = None,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """F⁰: LayerNorm of the sum of word, position and type embeddings.

        Args:
          extra: positions of the last e tokens, which share them with others.

        Raises UserError if the sequence has more tokens than the encoder has positions.
        """
        n = tokens.shape[1] - (0 if extra is None else extra.shape[1])
        if n > self.config.max_positions:
            raise UserError(
                f"a sequence of {n} tokens does not fit a text encoder of "
                f"{self.config.max_positions} positions"
            )
        x = self.words(tokens) + self.types(types)
        places = self.positions.embedding[:n]
        if extra is not None:
            along = jnp.broadcast_to(jnp.arange(n), (tokens.shape[0], n))
            places = self.positions(jnp.concatenate([along, extra], axis=1))
        x = x + places
        return dropout(self.norm(x), self.config.dropout, rngs)

    def __call__(
        self,
        tokens: Int[Array, "b n"],
        mask: Bool[Array, "b n"] | None,
        types: Int[Array, "b n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> tuple[Float[Array, "b n d"], ...]:
        """All levels F⁰ … Fᴸ: the embeddings and the output of every block."""
        levels = [self.embed(tokens, types, rngs=rngs)]
        for block in self.blocks:
            levels.append(block(levels[-1], mask, rngs=rngs))
        return tuple(levels)
