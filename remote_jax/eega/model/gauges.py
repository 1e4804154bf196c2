"""What each mechanism of EEGA does to a batch: arrays that say whether it acts."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from remote_jax.eega.model.eega import Eega, EncodedGraphs, matrices
from remote_jax.eega.model.graph_alignment import Plans
from remote_jax.eega.model.word_pairs import tagging_loss
from remote_jax.task import Batch

TINY = 1e-30
"""Keeps quotients finite."""


def of_alignment(
    model: Eega, encoded: EncodedGraphs, batch: Batch, plans: Plans, *, weight: float
) -> dict[str, Float[Array, ""]]:
    """Of the alignment of a batch, by name; no gradient.

    `aligned` is the share of examples that are aligned, `gradient_share` what `gradient_share`
    says, `node_entropy` and `edge_entropy` the mean `entropy` of T and T̂, 1 if nothing is aligned.

    Args:
      weight: λ.
    """
    assert encoded.image is not None and model.alignment is not None
    found = {
        "aligned": plans.aligned.mean(dtype=jnp.float32),
        "gradient_share": gradient_share(model, encoded, batch, plans, weight=weight),
    }
    alpha, sides = model.alignment.alpha, (encoded.image.mask, encoded.text.mask)
    for name, plan, used in (
        ("node_entropy", plans.nodes, alpha > 0),
        ("edge_entropy", plans.edges, alpha < 1),
    ):
        if used:
            found[name] = _mean(entropy(plan, *sides), plans.aligned)
    return jax.lax.stop_gradient(found)


def gradient_share(
    model: Eega, encoded: EncodedGraphs, batch: Batch, plans: Plans, *, weight: float
) -> Float[Array, ""]:
    """|λ ∇L_graph| / (|λ ∇L_graph| + |∇L_main|), within [0, 1], of the gradients that the nodes of
    both graphs, H_T and H_I, get from the two parts of Eq. 13; without dropout after them.
    """
    text, image = encoded
    assert image is not None
    graph, state = nnx.split(model)
    still = nnx.merge(graph, jax.lax.stop_gradient(state))
    nodes = jax.lax.stop_gradient((text.nodes, image.nodes))

    def replaced(nodes) -> EncodedGraphs:
        return EncodedGraphs(text._replace(nodes=nodes[0]), image._replace(nodes=nodes[1]))

    def main(nodes) -> Float[Array, ""]:
        cells = batch["words"][:, :, None] & batch["words"][:, None, :]
        return tagging_loss(still.tag(replaced(nodes), batch).logits, batch["tags"], cells)

    def aligning(nodes) -> Float[Array, ""]:
        return still.graph_loss(replaced(nodes), plans)

    of_main, of_graph = (_norm(jax.grad(loss)(nodes)) for loss in (main, aligning))
    return weight * of_graph / jnp.maximum(weight * of_graph + of_main, TINY)


def entropy(
    plan: Float[Array, "b k n"], rows: Bool[Array, "b k"], columns: Bool[Array, "b n"]
) -> Float[Array, "b"]:
    """Of a plan with even masses on k rows and n columns that are there, within [0, 1].

    1 if every entry is 1/(kn), where H(T) is log k + log n; 0 where H(T) is the larger of the two,
    below which such masses allow no plan. 1 where a side has one node.
    """
    logs = [jnp.log(jnp.maximum(side.sum(1), 1).astype(jnp.float32)) for side in (rows, columns)]
    own = -(plan * jnp.log(jnp.maximum(plan, TINY))).sum((1, 2))
    most, room = logs[0] + logs[1], jnp.minimum(*logs)
    return jnp.where(room > 0, jnp.clip(1 - (most - own) / jnp.maximum(room, TINY), 0, 1), 1.0)


def of_channels(model: Eega, encoded: EncodedGraphs, batch: Batch) -> dict[str, Float[Array, "b"]]:
    """How much each channel tells words, and pairs of words, apart, for each example, by name.

    `words/NAME` is the mean square of U_l W-GCN_l, what the first layer of the MLP of Eq. 10 gets
    from a channel, less its mean over the words of the sentence: 0 if all words are told the same.
    `pairs/NAME` is that of the channel's share of a pair's features, less its mean over all pairs;
    only where the tagger sees them. `moved` and `words` are the mean squares of S - O and of O.
    """
    layer = model.channels
    assert layer is not None
    mask, (words, _) = encoded.text.mask, model.read_objects(encoded)
    numbers = matrices(layer.names, batch)
    words = jnp.where(mask[..., None], words, 0.0)
    kernels = jnp.split(layer.up.kernel[...].astype(words.dtype), len(layer.names))
    read, cells = layer.found(words, numbers, mask), mask[:, :, None] & mask[:, None, :]
    found = {}
    for name, kernel in zip(layer.names, kernels, strict=True):
        found[f"words/{name}"] = _variance(read[name] @ kernel, mask)
        if model.pair_features:
            found[f"pairs/{name}"] = _variance(layer.channels[name].pairs(numbers[name]), cells)
    moved = layer(words, numbers, mask) - words
    return found | {"moved": _square(moved, mask), "words": _square(words, mask)}


def _variance(x: Float[Array, "b *n d"], there: Bool[Array, "b *n"]) -> Float[Array, "b"]:
    """The mean square of the vectors that are there, less their mean."""
    x = x.astype(jnp.float32)
    axes = tuple(range(1, there.ndim))
    count = jnp.maximum(there.sum(axes, keepdims=True), 1)[..., None]
    mean = jnp.where(there[..., None], x, 0.0).sum(axes, keepdims=True) / count
    return _square(x - mean, there)


def _square(x: Float[Array, "b *n d"], there: Bool[Array, "b *n"]) -> Float[Array, "b"]:
    """The mean square of the vectors that are there."""
    axes = tuple(range(1, there.ndim))
    squares = jnp.where(there, (x.astype(jnp.float32) ** 2).sum(-1), 0.0)
    return squares.sum(axes) / jnp.maximum(there.sum(axes), 1)


def _mean(values: Float[Array, "b"], there: Bool[Array, "b"]) -> Float[Array, ""]:
    """The mean of those that are there; 1 if none is."""
    total = jnp.where(there, values, 0.0).sum() / jnp.maximum(there.sum(), 1)
    return jnp.where(there.any(), total, 1.0)


def _norm(tree) -> Float[Array, ""]:
    leaves = jax.tree.leaves(tree)
    return jnp.sqrt(sum((leaf.astype(jnp.float32) ** 2).sum() for leaf in leaves))
