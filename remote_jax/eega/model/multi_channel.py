"""Multi-channel layer: words read each other along linguistic relations (Eqs. 9-10, appendix A)."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from remote_jax.encoders.attention import ACTIVATIONS, dropout, linear

TABLE_INIT = nnx.initializers.normal(0.1)
"""Louder than embeddings of words: a layer that starts at 0 lets them grow late."""

Matrices = Mapping[str, Int[Array, "b n *n"]]
"""Mˡ by channel: a number for each pair of words [b, n, n], or for each word [b, n]."""


class Channel(nnx.Module):
    """Rˡ: the trainable vectors of a channel's numbers, and the weights that W-GCN makes of them.

    A channel of words (part of speech, shape) has R_ij = E_i + E_j. Whatever is linear in R is
    worked out once a number and looked up for the pairs, so that nothing of shape [n, n, d_l] is
    made.

    Args:
      size: how many numbers there are, from 0.
      dim: d_l.
      width: of `pairs`; 0 for none.
      message_width: d_T, of `messages`; 0 for none.
    """

    silent = False
    """Whether all its vectors are 0, and so all weights alike (`without.take_away`)."""

    def __init__(
        self,
        size: int,
        dim: int,
        width: int,
        message_width: int,
        *,
        dtype: DTypeLike,
        rngs: nnx.Rngs,
    ):
        self.size, self.dtype = size, dtype
        self.table = nnx.Param(TABLE_INIT(rngs.params(), (size, dim)))
        self.weight = linear(dim, 1, dtype=dtype, rngs=rngs)
        if width:
            self.pair = linear(dim, width, bias=False, dtype=dtype, rngs=rngs)
        if message_width:
            self.message = linear(dim, message_width, bias=False, dtype=dtype, rngs=rngs)

    def scores(self, numbers: Int[Array, "b n *n"]) -> Float[Array, "b n n"]:
        """ReLU(W^r1 R + b), float32 (Eq. 9)."""
        kernel, bias = self.weight.kernel[...], self.weight.bias[...]
        score = self._lookup(self._vectors() @ kernel, numbers)[..., 0]
        return jax.nn.relu(score.astype(jnp.float32) + bias)

    def pairs(self, numbers: Int[Array, "b n *n"]) -> Float[Array, "b n n w"]:
        """W R, for the prediction of pairs."""
        return self._lookup(self.pair(self._vectors().astype(self.dtype)), numbers)

    def messages(
        self, weights: Float[Array, "b n n"], numbers: Int[Array, "b n *n"]
    ) -> Float[Array, "b n d"]:
        """Σ_j w_ij U R_ij, of weights whose rows sum to 1 or, without any word, to 0."""
        rows = self.message(self._vectors().astype(self.dtype))
        if numbers.ndim == 3:
            typed = jax.nn.one_hot(numbers, self.size, dtype=rows.dtype)
            return jnp.einsum("bij,bijs->bis", weights, typed) @ rows
        of_words = self._each(rows, numbers)
        return weights.sum(-1)[..., None] * of_words + weights @ of_words

    def _vectors(self) -> Float[Array, "s l"]:
        table = self.table[...]
        return jnp.zeros_like(table) if self.silent else table

    def _each(
        self, rows: Float[Array, "s w"], numbers: Int[Array, "b n *n"]
    ) -> Float[Array, "b n *n w"]:
        # A product, because on CPU the gradient of a lookup is a slow scatter.
        return jax.nn.one_hot(numbers, self.size, dtype=rows.dtype) @ rows

    def _lookup(self, rows: Float[Array, "s w"], numbers) -> Float[Array, "b n n w"]:
        found = self._each(rows, numbers)
        if numbers.ndim == 3:
            return found
        return found[:, :, None] + found[:, None, :]


class MultiChannel(nnx.Module):
    """S (Eq. 10): a W-GCN for each channel, and an MLP over what they give.

    Eq. 9 leaves out a word's own O_i, and while weights are near their start, all words would be
    alike in S; so each channel adds it: S_i^l = O_i + W-GCN_l(R_i^l, O). What the MLP makes of them
    is added to O, from 0 on: pretrained features pass unchanged until there is more to say.

    Args:
      dim: d_T.
      sizes: how many numbers each channel has, by its name: `pos`, `distance`, `pmi` are the
        paper's; `dependency` is the text graph's labels, `position` how many words w_j stands after
        w_i (as in EMC-GCN, Chen et al. 2022, from which such channels come; here with its sign),
        `shape` how a word is written (`shapes.Shape`).
      channel_dim: d_l.
      pair_width: width of `pairs`; 0 for none.
      values: whether words read a channel's vectors beside each other, Σ_j w_ij (W O_j + U R_ij),
        as Eq. 4 does along edges; Eq. 9 has them in the weights alone.
    """

    def __init__(
        self,
        dim: int,
        sizes: Mapping[str, int],
        *,
        channel_dim: int,
        pair_width: int = 0,
        values: bool = False,
        rate: float = 0.0,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.names, self.rate, self.with_messages = tuple(sorted(sizes)), rate, values
        message_width = dim if values else 0
        self.channels = nnx.Dict(
            {
                n: Channel(size, channel_dim, pair_width, message_width, dtype=dtype, rngs=rngs)
                for n, size in sizes.items()
            }
        )
        self.values = nnx.Dict({n: linear(dim, dim, dtype=dtype, rngs=rngs) for n in sizes})
        self.up = linear(len(sizes) * dim, dim, dtype=dtype, rngs=rngs)
        self.down = linear(dim, dim, zero=True, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        words: Float[Array, "b n d"],
        matrices: Matrices,
        mask: Bool[Array, "b n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n d"]:
        """S of the words O; those outside `mask` are read by none, and mean nothing in S."""
        words = jnp.where(mask[..., None], words, 0.0)
        found = self.found(words, matrices, mask, rngs=rngs)
        read = [words + found[name] for name in self.names]
        side_by_side = dropout(jnp.concatenate(read, axis=-1), self.rate, rngs)
        fed = self.down(ACTIVATIONS["gelu"](self.up(side_by_side)))
        return words + dropout(fed, self.rate, rngs)

    def found(
        self,
        words: Float[Array, "b n d"],
        matrices: Matrices,
        mask: Bool[Array, "b n"],
        *,
        rngs: nnx.Rngs | None = None,
    ) -> dict[str, Float[Array, "b n d"]]:
        """W-GCN(R, O) of each channel (Eq. 9); absent words hold 0 in `words`."""
        found = {}
        for name in self.names:
            scores = self.channels[name].scores(matrices[name])
            weights = jax.nn.softmax(scores, where=mask[:, None, :])
            weights = dropout(weights.astype(words.dtype), self.rate, rngs)
            found[name] = jnp.einsum("bij,bjd->bid", weights, self.values[name](words))
            if self.with_messages:
                found[name] = found[name] + self.channels[name].messages(weights, matrices[name])
        return found

    def pairs(self, matrices: Matrices) -> Float[Array, "b n n w"]:
        """Σ_l W_l R_ij^l: one linear layer over the concatenation of all channels of a pair."""
        found = [self.channels[name].pairs(matrices[name]) for name in self.names]
        total = found[0]
        for more in found[1:]:
            total = total + more
        return total
