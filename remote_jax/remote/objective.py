"""What is trained: the cross-entropy of relations (Eq. 14)."""

import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array

from remote_jax.remote.model.remote import Remote
from remote_jax.task import Batch


def loss(
    model: Remote, batch: Batch, rngs: nnx.Rngs, pairs_each: float
) -> tuple[Array, dict[str, Array]]:
    """Mean weighted cross-entropy of pairs, and the share of them that are right.

    Args:
        pairs_each: how many an example has on average. All pairs of all batches so weigh alike,
            however many there are in a batch.
    """
    logits, there = model(batch, rngs=rngs), model.there(batch).reshape(-1)
    labels = batch["label"].reshape(-1)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
    weighted = jnp.where(there, batch["weight"].reshape(-1) * losses, 0.0)
    right = (logits.argmax(-1) == labels) & there
    count = len(batch["label"]) * pairs_each
    return weighted.sum() / count, {"accuracy": right.sum() / jnp.maximum(there.sum(), 1)}
