"""Word-pair tagging: a tag for each pair of words, and the joint loss (Eqs. 11-13)."""

import jax.numpy as jnp
import optax
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from remote_jax.encoders.attention import ACTIVATIONS, dropout, linear


class WordPairTagger(nnx.Module):
    """Logits of Eq. 11, W_p [S_i; S_j] + b_p.

    A linear layer scores a pair as a sum of what its two words say alone. With `hidden`, a layer of
    that width comes before it, where the two can meet. W [S_i; S_j] is worked out as one product
    for the words as first and one as second.

    Args:
      dim: d_T.
      tags: d_y.
      hidden: width of a hidden layer; 0 is Eq. 11.
    """

    def __init__(
        self,
        dim: int,
        tags: int,
        *,
        hidden: int = 0,
        rate: float = 0.0,
        dtype: DTypeLike = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.hidden, self.rate = hidden, rate
        self.width = hidden or tags
        """Width of `features`."""
        self.first = linear(dim, self.width, dtype=dtype, rngs=rngs)
        self.second = linear(dim, self.width, bias=False, dtype=dtype, rngs=rngs)
        if hidden:
            self.tags = linear(hidden, tags, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        words: Float[Array, "b n d"],
        features: Float[Array, "b n n w"] | None = None,
        *,
        rngs: nnx.Rngs | None = None,
    ) -> Float[Array, "b n n t"]:
        """Logits of the tags of (w_i, w_j), float32.

        `features` are what else is known of a pair, already projected (`MultiChannel.pairs`).
        """
        words = dropout(words, self.rate, rngs)
        pair = self.first(words)[:, :, None] + self.second(words)[:, None, :]
        if features is not None:
            pair = pair + features
        if self.hidden:
            pair = self.tags(dropout(ACTIVATIONS["gelu"](pair), self.rate, rngs))
        return pair.astype(jnp.float32)


def tagging_loss(
    logits: Float[Array, "b n n t"],
    tags: Int[Array, "b n n"],
    cells: Bool[Array, "b n n"],
    *,
    average: float | None = None,
) -> Float[Array, ""]:
    """L_main (Eq. 12), as the mean over the `cells` of the batch that count; 0 if none does.

    The paper's sum would weigh against L_graph by the size of a batch and the length of sentences.

    Args:
      average: mean number of cells of an example. The sum is then divided by it times the batch
        size, so that a cell counts alike in batches of short and of long sentences.
    """
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(cells, tags, 0))
    count = jnp.maximum(cells.sum(), 1) if average is None else len(cells) * average
    return jnp.where(cells, losses, 0.0).sum() / count


def joint_loss(
    main: Float[Array, ""], graph: Float[Array, ""], *, weight: float
) -> Float[Array, ""]:
    """L = L_main + λ L_graph (Eq. 13); `weight` is λ, 0.6 in the paper."""
    return main + weight * graph
