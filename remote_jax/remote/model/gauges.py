"""What transport and router do to an example, for gauges; none of it has a gradient."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped

Gauges = Mapping[str, Shaped[Array, "b ..."]]
"""Small arrays by name, a row an example, as `arrays` gives them."""


class FusionGauges(NamedTuple):
    """What the fusion of one level did to each example; 0 where there is nothing to fuse.

    Attributes:
        moved: |F″ - F| / |F| over the positions that exist (Frobenius norms).
        entropy: H(Π) by its largest value, that of the plan that sends everything everywhere.
    """

    moved: Float[Array, " b"]
    entropy: Float[Array, " b"]


class RouterGauges(NamedTuple):
    """Weights of a router at the positions that are read out for an example's pair.

    Attributes:
        weights: mean over these positions, by expert; zeros where none is read.
        entropy: of the weights at a position, by its largest value, the mean of them.
        choice: whether there was one: positions are read, and experts of both modalities present.
    """

    weights: Float[Array, "b e"]
    entropy: Float[Array, " b"]
    choice: Bool[Array, " b"]


def fusion_gauges(
    before: Float[Array, "b n d"],
    after: Float[Array, "b n d"],
    plan: Float[Array, "b n m"],
    mask: Bool[Array, "b n"],
    source_mask: Bool[Array, "b m"],
) -> FusionGauges:
    """Of F and F″, and of the plan between the targets and their sources."""
    before, after, plan = map(jax.lax.stop_gradient, (before, after, plan))
    before, after = before.astype(jnp.float32), after.astype(jnp.float32)
    moved = _norm(after - before, mask) / jnp.maximum(_norm(before, mask), 1e-30)
    most = jnp.log(jnp.maximum(mask.sum(-1) * source_mask.sum(-1), 2).astype(jnp.float32))
    return FusionGauges(moved, -_xlogx(plan).sum((-2, -1)) / most)


def router_gauges(
    weights: Float[Array, "b n e"], present: Bool[Array, "b e"], read: Bool[Array, "b n"]
) -> RouterGauges:
    """Of the weights at all positions, and which positions are read."""
    weights = jax.lax.stop_gradient(weights)
    count = jnp.maximum(read.sum(-1), 1)
    most = jnp.log(jnp.maximum(present.sum(-1), 2).astype(jnp.float32))
    entropy = -_xlogx(weights).sum(-1) / most[:, None]
    return RouterGauges(
        jnp.einsum("bne,bn->be", weights, read.astype(weights.dtype)) / count[:, None],
        (entropy * read).sum(-1) / count,
        read.any(-1) & (present.sum(-1) > 1),
    )


def no_fusion(examples: int) -> FusionGauges:
    """Of a level that no example has."""
    return FusionGauges(jnp.zeros(examples), jnp.zeros(examples))


def no_choice(own: Float[Array, " e"], read: Bool[Array, " b"]) -> RouterGauges:
    """Gauges of a router where the other modality is absent.

    Args:
        own: the weights of that, zeros where it is no expert.
        read: the examples that anything is read from.
    """
    nothing = jnp.zeros(read.shape, bool)
    return RouterGauges(jnp.where(read[:, None], own, 0.0), jnp.zeros(read.shape), nothing)


def arrays(
    modality: str,
    mask: Bool[Array, "b n"],
    fusions: Sequence[FusionGauges],
    router: RouterGauges | None,
) -> dict[str, Shaped[Array, "b ..."]]:
    """The gauges of one modality by name.

    Returns:
        `MODALITY/there`, which examples have the modality; `moved` and `plan`, of each fused level;
        `router`, `router_entropy` and `choice`, the fields of `RouterGauges`. Those of a mechanism
        that is switched off are missing.
    """
    found = {"there": mask.any(-1)}
    if fusions:
        found["moved"] = jnp.stack([level.moved for level in fusions], axis=1)
        found["plan"] = jnp.stack([level.entropy for level in fusions], axis=1)
    if router is not None:
        found |= {
            "router": router.weights,
            "router_entropy": router.entropy,
            "choice": router.choice,
        }
    return {f"{modality}/{name}": value for name, value in found.items()}


def _norm(x: Float[Array, "b n d"], mask: Bool[Array, "b n"]) -> Float[Array, " b"]:
    return jnp.sqrt(jnp.where(mask[..., None], x**2, 0.0).sum((-2, -1)))


def _xlogx(x: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.where(x > 0, x * jnp.log(jnp.maximum(x, 1e-30)), 0.0)
