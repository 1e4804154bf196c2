"""The penalty against one triple at a time, negatives against all entities, rows against tables."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from roam_models import DECISION, SIZES, config, model, queries

from remote_jax.roam.model import moseg, training_loss
from remote_jax.roam.model.objective import penalty
from remote_jax.roam.ranking import pack
from remote_jax.roam.task import make_task
from remote_jax.task import Batch
from remote_jax.training.gradients.rows import touched
from remote_jax.training.state import Params, split

QUERIES, CANDIDATES, HALF = 4, 6, 3


def as_complex(vectors: np.ndarray) -> np.ndarray:
    return vectors[..., :HALF] + 1j * vectors[..., HALF:]


def of_triple(h: np.ndarray, r: np.ndarray, t: np.ndarray, cubes: float, duality: float) -> float:
    n3 = sum((np.abs(x) ** 3).sum() for x in (h, r, t))
    dura = sum((np.abs(x) ** 2).sum() for x in (h, h * r, t, t * r.conj()))
    return cubes * n3 + duality * dura


@pytest.mark.parametrize("modalities", [1, 2])
def test_penalty_is_the_mean_over_the_triples_of_a_query(modalities: int) -> None:
    """Whose answers are what their modalities are fused to, whatever the relation."""
    rng = np.random.default_rng(0)
    head, table = (rng.normal(size=(n, 2 * HALF)) for n in (QUERIES, 2))
    queries = np.stack([np.zeros(QUERIES, int), rng.integers(0, 2, QUERIES)], 1)
    mixed = rng.normal(size=(modalities, CANDIDATES, 2 * HALF))
    weights = np.exp(rng.normal(size=(modalities, CANDIDATES)))
    true = rng.random((QUERIES, CANDIDATES)) < 0.4
    true[:, 0] = True
    parts = [jnp.asarray(x, jnp.float32) for x in (mixed, weights)]
    fused = np.asarray(moseg.fuse(parts[0], parts[1] / parts[1].sum(0)))
    for kinds in ({"cubes": 0.3, "duality": 0.0}, {"cubes": 0.0, "duality": 2.0}):
        found = penalty(
            jnp.asarray(head),
            jnp.asarray(table)[queries[:, 1]],
            jnp.asarray(fused),
            jnp.asarray(true),
            weights=kinds,
        )
        expected = [
            np.mean(
                [
                    of_triple(as_complex(h), as_complex(table[r]), as_complex(t), **kinds)
                    for t in fused[answers]
                ]
            )
            for h, (_, r), answers in zip(head, queries, true, strict=True)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
@pytest.mark.parametrize("fusion", [{}, DECISION])
def test_negatives_that_are_all_entities_give_the_loss_of_all(
    fusion: dict[str, object], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each drawn once, or twice: an entity drawn twice counts half each time."""
    changes = {**fusion, "model.noise": False, "model.dropout.structure": 0.0, "model.loss": kind}
    if fusion:
        changes["model.penalty.cubes"] = 0.1
    it, asked = model(**changes), queries(12)
    answers = jnp.asarray(np.random.default_rng(4).integers(0, 40, 12))
    known = jnp.asarray(np.stack([pack(np.asarray([x]), 40) for x in answers]))
    batch = {"query": asked, "answer": answers, "known": known}

    skeleton, params = split(it)

    def losses(negatives: int) -> tuple[float, float]:
        settings = config(**changes, **{"model.negatives": negatives}).model
        drawn = jnp.arange(negatives) % 40
        monkeypatch.setattr(jax.random, "randint", lambda *_: drawn)

        @jax.jit
        def found(params: Params) -> tuple[jax.Array, jax.Array]:
            whole, parts = training_loss.loss(skeleton.model(params), batch, settings, nnx.Rngs(0))
            return whole, parts["triple_loss"]

        whole, triple = found(params)
        return float(whole), float(triple)

    for negatives in (40, 80):
        assert losses(negatives) == pytest.approx(losses(0), rel=1e-5)


def test_rows_that_are_read_stand_for_their_tables() -> None:
    """The loss is the same, and its gradient is that of these rows; of others there is none."""
    changes = {"model.loss": "softmax", "model.negatives": 9, "features.trainable": True}
    changes |= {"model.penalty.cubes": 0.0, "model.penalty.features": 0.0}
    changes |= {"model.router.solver": "topk", "model.noise": False}
    task = make_task(config(**changes))
    sizes = replace(SIZES, features={"image": 6})
    skeleton, params = split(model(sizes, **changes))
    answers = jnp.asarray(np.random.default_rng(4).integers(0, 40, 6))
    batch, key = {"query": queries(6), "answer": answers}, jax.random.key(3)

    @jax.jit
    @jax.grad
    def gradient(params: Params, batch: Batch) -> jax.Array:
        return task.loss(skeleton.model(params), batch, nnx.Rngs(key))[0]

    some = touched(task, batch, key, params)
    dense, found = gradient(params, batch), gradient(some.of(params), some.within(batch))
    read = np.unique(task.touched(batch, nnx.Rngs(key), 40))
    assert len(read) < 6 + 6 + 9 == some.ids.size
    np.testing.assert_array_equal(some.ids[: len(read)], read)
    for name in dense:
        expected = dense[name]
        if name in ("structure", "learnt/image"):
            assert found[name].shape == (some.ids.size, expected.shape[1])
            assert not np.delete(expected, read, 0).any() and expected[read].any()
            assert not found[name][len(read) :].any()
            found[name], expected = found[name][: len(read)], expected[read]
        np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-7)
