"""Tagging and its losses against Eqs. 11-13 in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.eega.model.word_pairs import WordPairTagger, joint_loss, tagging_loss

B, N, D, TAGS = 2, 3, 4, 5


def wide(x):
    return np.array(x[...], np.float64)


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("known", [True, False])
def test_logits_are_equation_11(hidden, known):
    tagger = WordPairTagger(D, TAGS, hidden=hidden, rngs=nnx.Rngs(0))
    rng = np.random.default_rng(0)
    words = rng.normal(size=(B, N, D))
    features = rng.normal(size=(B, N, N, tagger.width)) if known else None
    found = tagger(
        jnp.asarray(words, jnp.float32),
        jnp.asarray(features, jnp.float32) if known else None,
    )
    assert found.shape == (B, N, N, TAGS) and found.dtype == jnp.float32
    kernel = np.concatenate([wide(tagger.first.kernel), wide(tagger.second.kernel)])
    for b, i, j in np.ndindex(B, N, N):
        pair = np.concatenate([words[b, i], words[b, j]]) @ kernel + wide(tagger.first.bias)
        pair = pair + (features[b, i, j] if known else 0)
        if hidden:
            pair = np.array(jax.nn.gelu(jnp.asarray(pair), approximate=False), np.float64)
            pair = pair @ wide(tagger.tags.kernel) + wide(tagger.tags.bias)
        np.testing.assert_allclose(found[b, i, j], pair, atol=1e-5)


def test_the_tagging_loss_is_the_mean_over_cells_that_count():
    rng = np.random.default_rng(1)
    logits, tags = rng.normal(size=(B, N, N, TAGS)), rng.integers(TAGS, size=(B, N, N))
    cells = rng.random((B, N, N)) < 0.5
    chances = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    losses = [-np.log(chances[c][tags[c]]) for c in np.ndindex(B, N, N) if cells[c]]
    arrays = jnp.asarray(logits), jnp.asarray(np.where(cells, tags, -1)), jnp.asarray(cells)
    np.testing.assert_allclose(tagging_loss(*arrays), np.mean(losses), rtol=1e-5)
    nothing = jnp.zeros_like(arrays[2])
    loss, slope = jax.value_and_grad(tagging_loss)(arrays[0], arrays[1], nothing)
    assert loss == 0 and not slope.any()


def test_the_joint_loss_is_equation_13():
    assert joint_loss(jnp.array(2.0), jnp.array(0.5), weight=0.6) == pytest.approx(2.3)
