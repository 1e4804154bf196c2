"""Small ROAM models with features and experts that say something, and what they answer."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from configs import mkg_y
from remote_jax.roam.model.roam import Roam, Sizes
from remote_jax.roam.model.routing import POTENTIAL_SCALE
from remote_jax.roam.model.variants import ARCHITECTURES

COMPLEX = {"model.core": "complex", "model.relation_dim": 8}
DECISION = {**COMPLEX, "model.fusion": "decision", "model.router.sees_relation": True}
SIZES = Sizes(entities=40, relations=3, features={"image": 6, "text": 5})


def config(**changes: object):
    found = mkg_y.get_config()
    found.model.update({"dim": 8, "relation_dim": 6, "hidden": 7, "groups": 3, "core": "learnt"})
    found.model.router.hidden = 9
    found.model.noise = True
    found.model.fusion = "embedding"
    found.model.router.update(mkg_y.paper_model().router.to_dict() | {"hidden": 9})
    found.model.dropout.structure = 0.15
    found.update_from_flattened_dict(changes)
    return found


def model(sizes: Sizes = SIZES, **changes: object) -> Roam:
    settings = config(**changes)
    kind = settings.model.architecture, settings.model.fusion
    made = ARCHITECTURES[kind](settings, sizes, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    for name, features in made.features.items():
        values = jnp.asarray(rng.normal(size=(40, sizes.features[name])))
        features.fill(values, jnp.asarray(rng.random(40) < 0.7))
    for expert in made.experts:  # at the start the output is small
        kernel = 2.0 * rng.normal(size=expert.kernel_out.shape)
        expert.kernel_out.set_value(jnp.asarray(kernel))
    for router in (made.query_router, made.candidate_router):
        potentials = rng.normal(size=router.potentials.shape) / POTENTIAL_SCALE
        router.potentials.set_value(jnp.asarray(potentials))
    return made


def queries(count: int = 30, seed: int = 1) -> jax.Array:
    rng = np.random.default_rng(seed)
    return jnp.asarray(np.stack([rng.integers(0, 40, count), rng.integers(0, 6, count)], 1))


# One program each: called as they are, they would be some hundred.
encode = jax.jit(lambda it, rows=None, rngs=None: it.encode(rows, rngs))
candidates = jax.jit(lambda it, encoded, rngs=None: it.candidates(encoded, rngs))
heads = jax.jit(lambda it, encoded, asked, rngs=None: it.heads(encoded, asked, rngs))


@jax.jit
def answers(it: Roam, asked: jax.Array) -> jax.Array:
    scores, _ = it(asked, it.all_candidates())
    return scores
