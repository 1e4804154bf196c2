"""What the model made of examples: plans of transport, and attention over levels."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from remote_jax.remote.model.remote import Forward, Remote
from remote_jax.task import Batch

Explained = dict[str, Shaped[Array, "b ..."]]
"""Arrays by name, as `explained` gives them."""


def explained(model: Remote, batch: Batch) -> Explained:
    """What led to the logits of each example, with p pairs of n tokens and k visual tokens.

    Those of a mechanism that is switched off are missing:

        text/plan/l       [b,n,l·n]    Π* (Eq. 6) between level l and all levels below it
        text/attention    [b,2p,L,k]   of the opening markers to each level of the picture (Eq. 9)
        text/mask         [b,n]

    and the same of `vision`, [b,k,l·k], [b,2p,L,n] and [b,k]: attention is the mean over the tokens
    of an object, and zeros of an entity. `text/attention` and all of `vision` are missing without
    any object in a batch.
    """
    found = model.forward(batch)
    made = {"text/mask": found.text.mask}
    for level, plan in enumerate(found.text.plans, start=1):
        made[f"text/plan/{level}"] = plan
    if found.words.attention is not None:
        made["text/attention"] = found.words.attention
    if found.vision is None or found.sights is None:
        return made
    made["vision/mask"] = found.vision.each(found.vision.mask)
    for level, plan in enumerate(found.vision.plans, start=1):
        made[f"vision/plan/{level}"] = found.vision.each(plan)
    if found.sights.attention is not None:
        made["vision/attention"] = _mean(found.sights.attention, found)
    return made


def _mean(attention: Float[Array, "b 2*p*u l n"], found: Forward) -> Float[Array, "b 2*p l n"]:
    """Of the tokens of each end that is an object."""
    assert found.seen is not None
    b, tokens, levels, n = attention.shape
    ends = found.words.features.shape[1]
    each = attention.reshape(b, ends, tokens // ends, levels, n)
    there = found.seen.reshape(b, ends, tokens // ends, 1, 1).astype(attention.dtype)
    return (each * there).sum(2) / jnp.maximum(there.sum(2), 1)
