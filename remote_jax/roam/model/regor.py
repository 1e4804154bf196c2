"""Relation-guided transport cost between entities and expert groups (ROAM §4.2, Eqs. 5-8, 12)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float
from ml_collections import ConfigDict

from remote_jax.ot.linear import COST_RANGE, cosine_cost
from remote_jax.roam.model.moseg import Experts

SMALLEST_NORM = 1e-6


class ParameterSummary(nnx.Module):
    """g(W^(k)) of Eq. 7: a group as a vector made of the parameters of its experts.

    An expert has far more parameters than φ could take in, so each is compressed first: with
    probes p, q that are learnt, (p·W_in, b_in, W_out·q, b_out + p·S), S the linear map beside the
    experts if there is one, the same for all groups, is linear in every parameter, as long as four
    layers are wide, and is brought to the length wanted by one linear layer.

    Args:
        features: length of the raw features of each modality.
        hidden, dim: sizes of the experts.
        out: length of g(W).
        fused: whether the experts of a group become one vector; else each one of its own.
    """

    def __init__(
        self,
        features: Sequence[int],
        hidden: int,
        dim: int,
        out: int,
        *,
        fused: bool = True,
        rngs: nnx.Rngs,
    ):
        normal = nnx.initializers.normal(1.0)
        self.probes_in = nnx.List([nnx.Param(normal(rngs.params(), (f,))) for f in features])
        self.probes_out = nnx.List([nnx.Param(normal(rngs.params(), (dim,))) for _ in features])
        self.compress = nnx.List([nnx.Linear(3 * hidden + dim, out, rngs=rngs) for _ in features])
        self.fused, self.several = fused, len(features) > 1
        if fused and self.several:
            self.attend = nnx.Linear(out, max(hidden, 1), rngs=rngs)
            self.score = nnx.Linear(max(hidden, 1), 1, rngs=rngs)

    def __call__(self, experts: Sequence[Experts]) -> Float[Array, "*m k out"]:
        """Of the experts of every modality."""
        theta = jnp.stack([self._expert(m, expert) for m, expert in enumerate(experts)])
        if not self.fused:
            return theta
        if not self.several:
            return theta[0]
        alpha = jax.nn.softmax(self.score(nnx.relu(self.attend(theta))), axis=0)
        return (alpha * theta).sum(0)

    def _expert(self, m: int, expert: Experts) -> Float[Array, "k out"]:
        """θ_m^(k), compressed."""
        probe, last = self.probes_in[m][...], expert.bias_out[...]
        if expert.shortcut is not None:
            last += probe @ expert.shortcut[...]
        parts = [last]
        if expert.hidden:
            parts = [
                jnp.einsum("f,kfh->kh", probe, expert.kernel_in[...]),
                expert.bias_in[...],
                jnp.einsum("khd,d->kh", expert.kernel_out[...], self.probes_out[m][...]),
                last,
            ]
        return self.compress[m](jnp.concatenate(parts, -1))


class Prototypes(nnx.Module):
    """v_k of Eqs. 5 and 12: groups as vectors of their own ("w/o g" of Table 4)."""

    def __init__(self, shape: tuple[int, ...], *, rngs: nnx.Rngs):
        self.vectors = nnx.Param(nnx.initializers.normal(1.0)(rngs.params(), shape))

    def __call__(self, experts: Sequence[Experts]) -> Float[Array, "*m k out"]:
        del experts
        return self.vectors[...]


class RawEntities(nnx.Module):
    """e_i of "w/o f" (Table 4) and of Eq. 12: raw features, which no expert has seen.

    Modalities have features of different lengths, so each is brought to one by a linear layer.
    """

    def __init__(self, features: Sequence[int], dim: int, *, rngs: nnx.Rngs):
        self.project = nnx.List([nnx.Linear(f, dim, rngs=rngs) for f in features])

    def __call__(
        self, inputs: Sequence[Float[Array, "n f"]], present: Bool[Array, "m n"]
    ) -> Float[Array, "n d"]:
        """The mean over the modalities that are present; zeros if there is none."""
        parts = jnp.stack([layer(x) for layer, x in zip(self.project, inputs, strict=True)])
        return jnp.sum(parts * present[..., None], 0) / jnp.maximum(present.sum(0), 1)[:, None]


class LearnableCost(nnx.Module):
    """φ of Eq. 6: an MLP with one hidden layer.

    Its output is a positive number below 2, the range of a cosine cost, so that ε and the
    threshold of the sparse solver have a unit.
    """

    def __init__(self, left: int, right: int, hidden: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        # Views grow as experts learn; unchecked, they would drive the cost to an end of its range.
        self.norm_left, self.norm_right = (nnx.LayerNorm(n, rngs=rngs) for n in (left, right))
        self.left = nnx.Linear(left, hidden, dtype=dtype, rngs=rngs)
        self.right = nnx.Linear(right, hidden, use_bias=False, rngs=rngs)
        self.out = nnx.Linear(hidden, 1, rngs=rngs)

    def __call__(
        self, left: Float[Array, "*k n l"], right: Float[Array, "*k r"]
    ) -> Float[Array, "*k n"]:
        """c of each group's view of the entities (left) and g of the group (right)."""
        # The layer over the concatenation is a sum, whose right part is one vector a group.
        right = self.right(self.norm_right(right))[..., None, :].astype(self.left.dtype)
        hidden = nnx.relu(self.left(self.norm_left(left)) + right)
        return COST_RANGE * nnx.sigmoid(self.out(hidden.astype(jnp.float32))[..., 0])


class AngularCost(nnx.Module):
    """φ as a distance of two learnt maps, 1 - cos(a(f ‖ r), b(g)), a with one hidden layer.

    The sigmoid of `LearnableCost` came to an end of its range within 212 steps, where its slope is
    0, and every query had the same shares. A cosine has a slope wherever the two are not parallel.
    """

    def __init__(self, left: int, right: int, hidden: int, *, dtype: jnp.dtype, rngs: nnx.Rngs):
        self.norm_left, self.norm_right = (nnx.LayerNorm(n, rngs=rngs) for n in (left, right))
        self.left = nnx.Linear(left, hidden, dtype=dtype, rngs=rngs)
        self.out = nnx.Linear(hidden, hidden, dtype=dtype, rngs=rngs)
        self.right = nnx.Linear(right, hidden, use_bias=False, rngs=rngs)

    def __call__(
        self, left: Float[Array, "*k n l"], right: Float[Array, "*k r"]
    ) -> Float[Array, "*k n"]:
        """c of each group's view of the entities (left) and g of the group (right)."""
        right = self.right(self.norm_right(right))[..., None, :]
        hidden = nnx.relu(self.left(self.norm_left(left)))
        return cosine_cost(self.out(hidden), right)[..., 0]


class CosineCost(nnx.Module):
    """1 - cosine, Eq. 12 ("w/o φ" of Table 4)."""

    def __call__(
        self, left: Float[Array, "*k n l"], right: Float[Array, "*k l"]
    ) -> Float[Array, "*k n"]:
        return optax.losses.cosine_distance(
            left.astype(jnp.float32), right[..., None, :], epsilon=SMALLEST_NORM
        )


Cost = LearnableCost | AngularCost | CosineCost


def make_cost(kind: str, length: int, hidden: int, dtype: jnp.dtype, rngs: nnx.Rngs) -> Cost:
    """φ of two vectors of a length, by the name that `model.router.cost` gives it."""
    if kind == "cosine":
        return CosineCost()
    made = LearnableCost if kind == "learnable" else AngularCost
    return made(length, length, hidden, dtype=dtype, rngs=rngs)


def make_summary(
    model: ConfigDict,
    inputs: Sequence[int],
    groups: tuple[int, ...],
    out: int,
    rngs: nnx.Rngs,
) -> ParameterSummary | Prototypes:
    """g, or what stands in its place, by the name that `model.router.groups` gives it.

    Args:
        inputs: length of what the experts of each modality read.
        groups: K; with the modalities in front where each routes by itself.
        out: length of g(W).
    """
    if model.router.groups == "prototype":
        return Prototypes((*groups, out), rngs=rngs)
    fused = len(groups) == 1
    return ParameterSummary(inputs, model.hidden, model.dim, out, fused=fused, rngs=rngs)


def beside(left: Float[Array, "*k n d"], relations: Float[Array, "n r"]) -> Float[Array, "*k n l"]:
    """f ‖ r."""
    wide = jnp.broadcast_to(relations, (*left.shape[:-1], relations.shape[-1]))
    return jnp.concatenate([left, wide.astype(left.dtype)], -1)
