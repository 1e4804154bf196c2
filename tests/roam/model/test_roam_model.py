"""The whole model: what a score depends on, and what it does not."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict
from roam_models import COMPLEX, DECISION, answers, candidates, encode, heads, model, queries

from remote_jax.roam.model import entities
from remote_jax.roam.model.roam import Roam, Sizes
from remote_jax.roam.model.training_loss import (
    TrainingCandidates,
    all_entities,
    routing_losses,
    sampled_candidates,
)
from remote_jax.training.optimizer import OF_DATA
from remote_jax.training.state import split

ALONE = ({"model.router.solver": "sinkhorn"}, DECISION)
"""The models that are asked one query by itself too."""


@pytest.mark.parametrize(
    "changes",
    [
        *({"model.router.solver": solver} for solver in ("sinkhorn", "topk", "sparse", "lowrank")),
        *({"model.architecture": name} for name in ("sep", "mge")),
        {"model.router.cost": "angular", "model.router.sees_relation": True},
        {"model.router.hard": True},
        COMPLEX,
        DECISION,
    ],
)
def test_a_query_does_not_depend_on_its_neighbours(changes: dict[str, object]) -> None:
    it, asked = model(**changes), queries()
    whole = answers(it, asked)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(answers(it, asked[::-1])[::-1], whole, atol=1e-5)
    others = queries(seed=7).at[4].set(asked[4])
    np.testing.assert_allclose(answers(it, others)[4], whole[4], atol=1e-5)
    if changes in ALONE:
        np.testing.assert_allclose(answers(it, asked[4:5])[0], whole[4], atol=1e-5)


@pytest.mark.parametrize("architecture", ("mge", "moseg", "sep"))
def test_candidates_in_blocks_are_candidates(
    architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = model(**{"model.architecture": architecture})
    whole, _ = candidates(it, encode(it))
    monkeypatch.setattr(entities, "BLOCK", 16)  # 3 blocks of 14, for 40 entities
    blocks = jax.jit(lambda it: it.all_candidates())(it)
    for name in ("mixed", "weights"):
        np.testing.assert_allclose(getattr(blocks, name), getattr(whole, name), atol=1e-5)


def test_scores_are_those_of_one_embedding_a_query_and_candidate() -> None:
    """The candidate's modalities weighed under each query's relation, one pair at a time."""
    it, asked = model(), queries(4)
    encoded = encode(it)
    among, _ = candidates(it, encoded)
    head, _ = heads(it, encoded, asked)
    query = np.asarray(it.core(head, asked[:, 1], it.relations[...]), np.float64)
    found, mixed, present = map(np.asarray, (answers(it, asked), among.mixed, encoded.present))
    entity = np.asarray(it.attention.entity[...]) / 8**0.5
    relation = np.asarray(it.attention.relation[...]) / 6**0.5
    bias, table = np.asarray(it.attention.bias[...]), np.asarray(it.relations[...])
    for b in range(4):
        r = table[asked[b, 1]]
        for c in range(40):
            there = np.flatnonzero(present[:, c])
            v = mixed[there, c].astype(np.float64)
            u = np.array([v[i] @ entity[m] + r @ relation[m] for i, m in enumerate(there)])
            u += bias[there]
            w = np.exp(u - u.max())
            assert found[b, c] == pytest.approx((w / w.sum()) @ v @ query[b], abs=1e-4)


@pytest.mark.parametrize("architecture", ("mge", "moseg", "sep"))
def test_features_are_not_trained_and_everything_else_is(architecture: str) -> None:
    skeleton, params = split(model(**{"model.architecture": architecture}))
    asked = queries()

    def loss(params: dict[str, jax.Array]) -> jax.Array:
        it = skeleton.model(params)
        encoded = it.encode()
        rngs = nnx.Rngs(3)
        head, routed = it.heads(encoded, asked, rngs)
        among, candidates_routed = it.candidates(encoded, rngs)
        scores = it.scores(asked, head, routed, among, rngs).whole
        return (scores**2).sum() + sum(routing_losses(it, routed, candidates_routed))

    for name, gradient in jax.jit(jax.grad(loss))(params).items():
        assert np.isfinite(gradient).all(), name
        if name != "summary/score/bias":  # moves all scores of a softmax alike
            assert gradient.any() != name.startswith(OF_DATA), name


@pytest.mark.parametrize(
    "changes",
    [
        {"features.structure": False},
        {"model.router.groups": "prototype"},
        {"model.router.cost": "cosine"},
        {"model.router.cost": "angular"},
        {"model.router.sees_relation": True},
        {"model.router.hard": True},
        {"model.router.relation": False},
        {"model.router.transform": False},
        {"model.router.transform": False, "model.router.cost": "cosine"},
        {"model.architecture": "sep"},
        {"model.architecture": "mge"},
        {"model.architecture": "mge", "model.router.groups": "prototype"},
        {"model.noise": False},
        COMPLEX,
        DECISION,
    ],
)
def test_switches(changes: dict[str, object]) -> None:
    """They change scores, from parameters that are equal where both models have them."""
    it, default = model(**changes), of_default()[0]
    values = dict(split(default)[1])
    skeleton, params = split(it)
    common = {
        name: values[name]
        for name, value in params.items()
        if name in values and values[name].shape == value.shape
    }
    assert len(common) > len(params) / 3
    it = skeleton.model({**params, **common})
    scores = answers(it, queries())
    assert np.isfinite(scores).all()
    same = np.allclose(scores, of_default()[1])
    assert same == (changes == {"model.noise": False})  # noise is for training alone


@functools.cache
def of_default() -> tuple[Roam, jax.Array]:
    """The model without changes, and what it answers."""
    return model(), answers(model(), queries())


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("architecture", ("mge", "moseg", "sep"))
def test_noise_is_in_heads_and_candidates(architecture: str, on: bool) -> None:
    it = model(**{"model.noise": on, "model.architecture": architecture})
    encoded, asked = encode(it), queries()
    plain, noisy = (candidates(it, encoded, rngs)[0].weights for rngs in (None, nnx.Rngs(0)))
    assert (plain != noisy).any() == on
    # Shares of a batch are balanced in training, so that heads are compared with other noise.
    one, other = (heads(it, encoded, asked, nnx.Rngs(i))[0] for i in range(2))
    assert (one != other).any() == on


def featured(it: Roam) -> np.ndarray:
    return np.asarray(jnp.stack([features()[1] for features in it.features.values()]).any(0))


def shifts(it: Roam, rngs: nnx.Rngs | None = None) -> np.ndarray:
    """Which entities their embedding says anything about."""
    before = encode(it, rngs=rngs).v[0]
    it.structure.set_value(it.structure[...] + 1.0)
    after = encode(it, rngs=None if rngs is None else nnx.Rngs(0)).v[0]
    it.structure.set_value(it.structure[...] - 1.0)
    return np.asarray((before != after).any((0, 2)))


@pytest.mark.parametrize("architecture", ("mge", "moseg", "sep"))
def test_some_entities_are_encoded_as_among_all(architecture: str) -> None:
    it = model(**{"model.architecture": architecture})
    it.seen.fill(jnp.arange(40) % 2 == 0)
    some = jnp.asarray(np.random.default_rng(2).permutation(40)[:15])
    np.testing.assert_allclose(encode(it, some).v, encode(it).v[:, :, some], atol=1e-6)


@pytest.mark.parametrize("make", [all_entities, sampled_candidates])
def test_a_step_hides_structure(make: Callable[..., TrainingCandidates]) -> None:
    it = model(**{"model.dropout.structure": 1.0})
    known = np.random.default_rng(3).integers(0, 256, (10, 5), dtype=np.uint8)
    batch = {"query": queries(10), "answer": jnp.arange(10), "known": jnp.asarray(known)}
    settings = ConfigDict({"negatives": 5})
    made = jax.jit(lambda it: make(it, batch, settings, nnx.Rngs(0)).heads.v[0])
    encoded = made(it)
    it.structure.set_value(it.structure[...] + 1.0)
    changed = np.asarray((made(it) != encoded).any((0, 2)))
    assert 0 < changed.sum() < len(changed)
    if make is all_entities:
        np.testing.assert_array_equal(changed, ~featured(it))


def test_what_has_no_triple_to_learn_from_is_told_by_its_features_alone() -> None:
    it, seen = model(), np.arange(40) % 2 == 0
    it.seen.fill(jnp.asarray(seen))
    assert (~featured(it)).any() and (featured(it) & ~seen).any()
    np.testing.assert_array_equal(shifts(it), seen | ~featured(it))


def test_in_training_structure_is_hidden_from_some_that_have_features() -> None:
    it = model(**{"model.dropout.structure": 0.5})
    v = encode(it).v[0]

    @jax.jit
    def changed(it: Roam, seed: int) -> jax.Array:
        drawn = it.encode(rngs=nnx.Rngs(jax.random.key(seed))).v[0]
        return (jnp.abs(drawn - v) > 1e-6).any((0, 2))

    hidden = np.stack([changed(it, seed) for seed in range(200)])
    assert not hidden[:, ~featured(it)].any()
    np.testing.assert_allclose(hidden[:, featured(it)].mean(0), 0.5, atol=0.15)
    assert shifts(it).all() and not shifts(it, nnx.Rngs(0)).all()
    assert shifts(model(**{"model.dropout.structure": 0.0}), nnx.Rngs(0)).all()


def test_structure_alone() -> None:
    sizes = Sizes(entities=40, relations=3, features={})
    assert answers(model(sizes), queries()).shape == (30, 40)


def test_without_a_relation_routing_does_not_move_with_it() -> None:
    it = model(**{"model.router.relation": False})
    encoded = encode(it)
    same_head = jnp.array([[5, 0], [5, 4]])
    _, routed = heads(it, encoded, same_head)
    np.testing.assert_allclose(routed.cost[:, 0], routed.cost[:, 1], atol=1e-6)
    _, routed = heads(model(), encoded, same_head)
    assert np.abs(routed.cost[:, 0] - routed.cost[:, 1]).max() > 1e-4
