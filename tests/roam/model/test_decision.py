"""Fusion at the level of scores, against sums of plain ComplEx over one modality."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict
from roam_models import DECISION, answers, candidates, encode, heads, model, queries

from remote_jax.roam.model.decision import ONE, DecisionRoam
from remote_jax.roam.model.objective import penalty
from remote_jax.roam.model.roam import Sizes
from remote_jax.roam.model.training_loss import routing_losses
from remote_jax.training.state import split

MODALITIES = ("structure", "image", "text")


def made(**changes: object) -> DecisionRoam:
    """Of all modalities, with votes that differ."""
    it = model(**{**DECISION, **changes})
    assert isinstance(it, DecisionRoam)
    votes = np.random.default_rng(4).normal(size=it.votes.shape)
    it.votes.set_value(jnp.asarray(votes, jnp.float32))
    return it


def as_complex(vectors: np.ndarray) -> np.ndarray:
    real, imaginary = np.split(np.asarray(vectors, np.float64), 2, -1)
    return real + 1j * imaginary


def test_scores_are_the_sum_of_complex_scores_of_each_modality() -> None:
    it, asked = made(), queries(9)
    encoded = encode(it)
    head, routed = heads(it, encoded, asked)
    among, _ = candidates(it, encoded)
    found = it.scores(asked, head, routed, among)
    votes = np.asarray(it.votes[...])
    relations = {name: as_complex(it.modal_relations[name][...]) for name in MODALITIES}
    expected = np.zeros((9, 40))
    for b, (entity, relation) in enumerate(np.asarray(asked)):
        for m, name in enumerate(MODALITIES):
            if not encoded.present[m, entity]:
                continue
            vote = np.logaddexp(0.0, float(votes[relation, m]) + ONE)
            r, tails = relations[name][relation], as_complex(np.asarray(among.mixed)[m])
            query = as_complex(np.asarray(head)[m, b]) * r
            expected[b] += vote * (query * tails.conj()).sum(-1).real
    np.testing.assert_allclose(found.whole, expected, atol=1e-4)
    assert found.by_modality.shape == (3, 9, 40)


def test_what_lacks_a_modality_has_a_learnt_vector_as_candidate_and_no_vote_as_head() -> None:
    it = made()
    encoded = encode(it)
    absent = ~np.asarray(encoded.present)
    assert absent[1].any() and absent[2].any()
    for m, name in enumerate(MODALITIES):
        for v in np.asarray(encoded.v)[m][:, absent[m]].reshape(-1, 8):
            np.testing.assert_allclose(v, it.absent[name][...], atol=1e-6)
    _, routed = heads(it, encoded, queries(30))
    asked = np.asarray(queries(30))[:, 0]
    np.testing.assert_array_equal(np.asarray(routed.weights[:, 0] == 0), absent[:, asked])


def test_a_vote_is_one_at_the_start() -> None:
    it = model(**DECISION)
    votes = it._votes(jnp.arange(6), jnp.ones((3, 6), bool))
    np.testing.assert_allclose(votes, 1.0, atol=1e-4)


def test_modalities_keep_their_tables_however_the_model_is_taken_apart() -> None:
    """The order of names is not that of modalities: image comes before structure."""
    it, asked = made(), queries(5)
    skeleton, params = split(it)
    again = skeleton.model(params)
    one, other = (answers(x, asked) for x in (it, again))
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert again.modalities == MODALITIES


def test_every_parameter_but_those_of_the_data_is_trained() -> None:
    skeleton, params = split(made(**{"model.router.cost": "angular"}))
    asked = queries()

    def loss(params: dict[str, jax.Array]) -> jax.Array:
        it = skeleton.model(params)
        encoded, rngs = it.encode(), nnx.Rngs(3)
        head, routed = it.heads(encoded, asked, rngs)
        among, candidates_routed = it.candidates(encoded, rngs)
        scores = it.scores(asked, head, routed, among, rngs)
        return (scores.whole**2).sum() + sum(routing_losses(it, routed, candidates_routed))

    still = {"summary/score/bias", "absent/structure"}  # all entities have a triple here
    for name, gradient in jax.jit(jax.grad(loss))(params).items():
        assert np.isfinite(gradient).all(), name
        if name not in still:
            assert gradient.any() != name.startswith(("features/", "seen/")), name


@pytest.mark.parametrize("name", ["cubes", "duality", "features"])
def test_structure_and_features_have_penalties_of_their_own(name: str) -> None:
    it, asked = made(), queries(6)
    encoded = encode(it)
    head, _ = heads(it, encoded, asked)
    among, _ = candidates(it, encoded)
    true = jnp.asarray(np.random.default_rng(5).random((6, 40)) < 0.2).at[:, 0].set(True)
    weights = {"cubes": 0.0, "duality": 0.0, "features": 0.0, name: 0.5}
    found = it.penalty(asked, head, among, true, ConfigDict(weights))
    expected = sum(
        penalty(
            head[m],
            it.modal_relations[modality][...][asked[:, 1]],
            among.mixed[m],
            true,
            weights={"cubes": 0.0, "duality": 0.0, "cubes" if name == "features" else name: 0.5},
        )
        for m, modality in enumerate(MODALITIES)
        if (modality == "structure") == (name != "features")
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_structure_alone_has_one_vote() -> None:
    it = model(Sizes(entities=40, relations=3, features={}), **DECISION)
    assert it.votes.shape == (6, 1)
    assert np.isfinite(answers(it, queries(4))).all()
