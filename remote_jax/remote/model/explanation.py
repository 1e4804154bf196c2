"""What the model made of examples: plans, attention over levels, weights of experts."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

from remote_jax.remote.model.mmoe import Mixed
from remote_jax.remote.model.remote import Forward, Remote
from remote_jax.task import Batch

Explained = dict[str, Shaped[Array, "b ..."]]
"""Arrays by name, as `explained` gives them."""


def explained(model: Remote, batch: Batch) -> Explained:
    """What led to the logits of each example, with p pairs of n tokens and k visual tokens.

    Those of a mechanism that is switched off are missing:

        text/plan/l       [b,n,l·n]    Π* (Eq. 6) between level l and all levels below it
        text/attention    [b,2p,L,k]   of the opening markers to each level of the picture (Eq. 9)
        text/experts      [b,2p,e]     S there (Eq. 11), zeros where no expert has anything to say
        text/mask         [b,n]

    and the same of `vision`, [b,k,l·k], [b,2p,L,n], [b,2p,e] and [b,k]: attention and weights are
    means over the tokens of an object, and zeros of an entity. All of `vision` and `text/attention`
    are missing in batches without any object.
    """
    found = model.forward(batch)
    made = {"text/mask": found.text.mask}
    for level, plan in enumerate(found.text.plans, start=1):
        made[f"text/plan/{level}"] = plan
    made |= _read("text", found.words)
    if found.vision is None or found.sights is None:
        return made
    made["vision/mask"] = found.vision.each(found.vision.mask)
    for level, plan in enumerate(found.vision.plans, start=1):
        made[f"vision/plan/{level}"] = found.vision.each(plan)
    return made | _read("vision", _means(found))


def _read(modality: str, mixed: Mixed) -> Explained:
    """Of the positions where pairs are read out."""
    made = {}
    if mixed.attention is not None:
        made[f"{modality}/attention"] = mixed.attention
    if mixed.weights is not None:
        made[f"{modality}/experts"] = mixed.weights
    return made


def _means(found: Forward) -> Mixed:
    """Of the tokens of each end that is an object."""
    sights, seen = found.sights, found.seen
    assert sights is not None and seen is not None
    ends = found.words.features.shape[1]

    def mean(x: Float[Array, "b e*u *d"]) -> Float[Array, "b e *d"]:
        b, tokens, *rest = x.shape
        each = x.reshape(b, ends, tokens // ends, *rest)
        there = _wide(seen.reshape(b, ends, tokens // ends), len(rest)).astype(x.dtype)
        return (each * there).sum(2) / jnp.maximum(there.sum(2), 1)

    weights, attention = (
        None if x is None else mean(x) for x in (sights.weights, sights.attention)
    )
    return Mixed(mean(sights.features), weights, sights.present, attention)


def _wide(mask: Bool[Array, "b e u"], axes: int) -> Bool[Array, "b e u *ones"]:
    return mask.reshape(*mask.shape, *[1] * axes)
