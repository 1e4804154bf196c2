"""Modality-specific expert groups (ROAM §4.1, Eqs. 2-4)."""

from __future__ import annotations

import functools
import operator

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from remote_jax.training.remat import rematerialised

# Weights of Eq. 4 below e^-30 of the largest count as that: `tucker.scores` multiplies the part of
# a candidate with the part of a relation, and float32 must hold the product.
LOWEST_LOGIT = -30.0


class Experts(nnx.Module):
    """The experts W_m^(1) … W_m^(K) of one modality (Eq. 2), an MLP with one hidden layer each.

    The output is a mean over the hidden units, not a sum: under Adam it then moves as far in a step
    as an embedding does. As a sum it ran ahead, and entities were learnt by heart (MKG-Y, structure
    alone, validation MRR after 111 steps: 0.14 for the sum, 0.28 for the mean).

    Beside the experts of a modality runs one linear map, which starts at 0; embeddings that are
    learnt need none to be of use and are added as they are (`skip`). A mean moves so little in a
    step that names told nothing before all else was learnt (MKG-Y, structure and names).

    Args:
        features: length of the raw feature vector e_m.
        hidden: units of the hidden layer; 0 for the linear map alone.
        dim: length of an embedding v_m.
        groups: K.
        skip: adds the features as they are, in place of the linear map.
        start: deviation of the linear map at the start.
    """

    remat = False
    silent = False
    """Whether the linear map alone is used."""

    def __init__(
        self,
        features: int,
        hidden: int,
        dim: int,
        groups: int,
        *,
        skip: bool = False,
        start: float = 0.0,
        dtype: jnp.dtype,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.he_normal(in_axis=1, out_axis=2, batch_axis=0)
        linear = nnx.initializers.normal(start) if start else nnx.initializers.zeros
        if hidden:
            self.kernel_in = nnx.Param(init(rngs.params(), (groups, features, hidden)))
            self.bias_in = nnx.Param(jnp.zeros((groups, hidden)))
            self.kernel_out = nnx.Param(init(rngs.params(), (groups, hidden, dim)))
        self.bias_out = nnx.Param(jnp.zeros((groups, dim)))
        self.shortcut = None if skip else nnx.Param(linear(rngs.params(), (features, dim)))
        self.features, self.hidden, self.groups, self.dtype = features, hidden, groups, dtype

    @rematerialised
    def __call__(self, features: Float[Array, "n f"]) -> Float[Array, "k n d"]:
        """v_im^(k) of every entity and group."""
        features = features.astype(self.dtype)
        straight = features
        if self.shortcut is not None:
            straight = features @ self.shortcut[...].astype(self.dtype)
        bias = self.bias_out[...][:, None].astype(self.dtype)
        if self.silent or not self.hidden:
            return straight + bias
        kernel_in, kernel_out = (
            x.astype(self.dtype) for x in (self.kernel_in[...], self.kernel_out[...])
        )
        hidden = jnp.einsum("nf,kfh->knh", features, kernel_in)
        hidden = nnx.relu(hidden + self.bias_in[...][:, None].astype(self.dtype))
        out = jnp.einsum("knh,khd->knd", hidden, kernel_out) / hidden.shape[-1]
        return out + bias + straight


class ModalityAttention(nnx.Module):
    """U_m of Eq. 4, one a modality: how much a modality counts for an entity under a relation.

    U_m is linear, so its logit is the sum of a part of the entity and a part of the relation. The
    two are given apart: a candidate's part is computed once and serves every relation.

    Each part is divided by the root of its length, as a query's product with a key is. Without
    that Adam moves a logit as far in a step as all numbers of v together, and the modality that
    moved first had all the weight before the others could tell anything (MKG-Y, structure and
    names: 0.99 of heads' weight after 40 steps, to the modality that turned out to tell less).
    """

    equal = False
    """Whether every modality that is present has the same weight."""

    def __init__(
        self,
        modalities: int,
        dim: int,
        relation_dim: int,
        *,
        temperature: float,
        noisy: bool,
        rngs: nnx.Rngs,
    ):
        init = nnx.initializers.lecun_normal(in_axis=1, out_axis=0)
        self.entity = nnx.Param(init(rngs.params(), (modalities, dim)))
        self.relation = nnx.Param(init(rngs.params(), (modalities, relation_dim)))
        self.bias = nnx.Param(jnp.zeros(modalities))
        self.temperature, self.noisy = temperature, noisy

    def of_entities(self, v: Float[Array, "m *n d"]) -> Float[Array, "m *n"]:
        """The part of the entities, divided by τ."""
        if self.equal:
            return jnp.zeros(v.shape[:-1])
        logits = jnp.einsum("m...d,md->m...", v.astype(jnp.float32), self.entity[...])
        logits *= v.shape[-1] ** -0.5
        bias = self.bias[...].reshape(-1, *[1] * (logits.ndim - 1))
        return (logits + bias) / self.temperature

    def of_relations(self, relations: Float[Array, "n r"]) -> Float[Array, "m n"]:
        """The part of the relations, divided by τ."""
        if self.equal:
            return jnp.zeros((self.relation[...].shape[0], relations.shape[0]))
        logits = jnp.einsum("nr,mr->mn", relations, self.relation[...])
        return logits * relations.shape[-1] ** -0.5 / self.temperature

    def of_queries(
        self,
        v: Float[Array, "m k b d"],
        relations: Float[Array, "b r"],
        present: Bool[Array, "m 1 b"],
        rngs: nnx.Rngs | None,
    ) -> tuple[Float[Array, "m k b"], Float[Array, "m k b"]]:
        """The part of the entities, and w_m of each group and query; with `rngs`, in training.

        As in `tucker.scores`, each part counts down to e^-30 of its largest.
        """
        own, other = self.of_entities(v), self.of_relations(relations)[:, None]
        noisy = own + self.noise(own + other, rngs)
        return own, normalised(shifted_exp(noisy, present) * shifted_exp(other))

    def noise(self, logits: Float[Array, "m *n"], rngs: nnx.Rngs | None) -> Float[Array, "m *n"]:
        """δ_m / τ of Eq. 4: N(0, U_m), with softplus(U_m) for the deviation.

        Zeros outside of training, and where a model has no noise or one modality.
        """
        if rngs is None or not self.noisy or len(logits) == 1:
            return jnp.zeros_like(logits)
        deviation = nnx.softplus(logits * self.temperature) / self.temperature
        return deviation * jax.random.normal(rngs.noise(), logits.shape)


def shifted_exp(
    logits: Float[Array, "m *n"], present: Bool[Array, "m *n"] | None = None
) -> Float[Array, "m *n"]:
    """exp(logit - largest), which a softmax over modalities is made of; 0 for an absent one."""
    if present is not None:
        logits = jnp.where(present, logits, -jnp.inf)
    largest = jax.lax.stop_gradient(jnp.max(logits, 0, keepdims=True))
    largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
    low = jnp.maximum(logits - largest, LOWEST_LOGIT)
    return jnp.exp(low) if present is None else jnp.where(present, jnp.exp(low), 0.0)


def weights(logits: Float[Array, "m *n"], present: Bool[Array, "m *n"]) -> Float[Array, "m *n"]:
    """w_m of Eq. 4 over the modalities that are present; zeros if there is none."""
    return normalised(shifted_exp(logits, present))


def normalised(parts: Float[Array, "m *n"]) -> Float[Array, "m *n"]:
    """What `shifted_exp` gives, as shares that sum to 1; zeros where no modality is present."""
    return parts / jnp.maximum(parts.sum(0, keepdims=True), jnp.finfo(jnp.float32).tiny)


def fuse(v: Float[Array, "m *n d"], w: Float[Array, "m *n"]) -> Float[Array, "*n d"]:
    """ẽ of Eq. 3."""
    return _sum(w.astype(v.dtype)[..., None], v, -v.ndim)


def mix_groups(
    shares: Float[Array, "*m k n"], v: Float[Array, "*l k n d"]
) -> Float[Array, "*l n d"]:
    """The groups of an entity as one, by its shares."""
    return _sum(shares.astype(v.dtype)[..., None], v, -3)


def _sum(w: Float[Array, "*n"], v: Float[Array, "*n"], axis: int) -> Float[Array, "*n"]:
    """Σ w v along an axis of few: a matrix product would first copy v, transposed."""
    w, v = jnp.moveaxis(w, axis, 0), jnp.moveaxis(v, axis, 0)
    return functools.reduce(operator.add, [w[i] * v[i] for i in range(len(v))])
