"""The two streams against Eqs. 9-12 written as loops over positions and levels."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from remote_jax.remote.model.mmoe import CrossModalAttention, Levels, MixtureOfExperts

B, N, K, DT, DV, LT, LV = 2, 4, 6, 8, 5, 3, 2


def make(experts=("T2V", "V2T", "T", "V"), own_weight=0.5):
    switches = {"experts": frozenset(experts), "own_weight": own_weight}
    return MixtureOfExperts(DT, DV, LT, LV, **switches, dtype=jnp.float32, rngs=nnx.Rngs(1))


def levels(seed, count, positions, dim, mask=None):
    rng = np.random.default_rng(seed)
    feats = [jnp.array(rng.normal(size=(B, positions, dim)), jnp.float32) for _ in range(count)]
    mask = np.ones((B, positions), bool) if mask is None else mask
    return Levels(feats, jnp.array(mask))


def streams(moe, text, vision):
    """H^{T,V} and H^{V,T} at all positions."""
    return moe.text(text.features[-1], vision), moe.vision(vision.features[-1], text)


def text(mask=None):
    return levels(0, LT, N, DT, mask)


def vision(mask=None):
    return levels(1, LV, K, DV, mask)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def reference(stream, mine, other, b, position):
    """H at one position: every expert in turn, then Eq. 11's weights, then Eq. 12's sum."""
    last = np.array(mine.features[-1][b, position], np.float64)
    w_q, w_k, w_h = (
        np.array(m.kernel[...], np.float64)
        for m in (stream.attention.query, stream.attention.key, stream.attention.value)
    )
    there = np.array(other.mask[b])
    experts = [last]
    for level in other.features:
        source = np.array(level[b], np.float64)[there]
        weights = softmax((last @ w_q) @ (source @ w_k).T / np.sqrt(len(last)))
        experts.append(weights @ (source @ w_h))
    side_by_side = np.concatenate(experts)
    start = [0.5] + [0.5 / len(other.features)] * len(other.features)
    p = np.array(stream.router.kernel[...], np.float64) / np.sqrt(len(side_by_side))
    route = softmax(side_by_side @ p + np.log(start))
    return sum(w * e for w, e in zip(route, experts, strict=True))


def test_streams_are_equations_9_to_12():
    moe = make()
    for number, stream in enumerate((moe.text, moe.vision)):  # P starts at zero
        kernel = np.random.default_rng(number).normal(size=stream.router.kernel.shape)
        stream.router.kernel[...] = jnp.array(kernel, jnp.float32)
    seen = np.array([[True] * K, [True, False, True, True, False, False]])
    t, v = text(), vision(seen)
    over_text, over_vision = (mixed.features for mixed in streams(moe, t, v))
    for b in range(B):
        for p in range(N):
            np.testing.assert_allclose(over_text[b, p], reference(moe.text, t, v, b, p), atol=1e-4)
        for p in range(K):
            np.testing.assert_allclose(
                over_vision[b, p], reference(moe.vision, v, t, b, p), atol=1e-4
            )


def test_a_post_without_picture_is_its_text():
    t = text()
    over_text, over_vision = (
        m.features for m in streams(make(), t, vision(np.zeros((B, K), bool)))
    )
    np.testing.assert_allclose(over_text, t.features[-1], atol=1e-6)
    assert jnp.isfinite(over_vision).all()


@pytest.mark.parametrize(("own_weight", "own"), [(0.6, 0.6), (0.01, 0.01), (0.0, None)])
def test_the_router_starts_from_the_weights_of_the_key(own_weight, own):
    """0 stands for weights that are all alike."""
    seen = np.array([[True] * K, [False] * K])
    over_text, over_vision = streams(make(own_weight=own_weight), text(), vision(seen))
    for mixed, others in ((over_text, LV), (over_vision, LT)):
        first = 1 / (1 + others) if own is None else own
        expected = [first] + [(1 - first) / others] * others
        np.testing.assert_allclose(mixed.weights[0].mean(0), expected, rtol=1e-5)
        assert float(mixed.weights[0].std(0).max()) < 1e-7
    np.testing.assert_array_equal(over_text.weights[1], np.eye(1 + LV)[[0] * N])


def test_cross_experts_alone_start_alike():
    over_text, _ = streams(make(("T2V", "V"), own_weight=0.9), text(), vision())
    np.testing.assert_allclose(over_text.weights, np.full((B, N, LV), 1 / LV), rtol=1e-6)


@pytest.mark.parametrize(
    "experts", [("T2V",), ("V2T",), ("T2V", "V2T"), ("T2V", "V2T", "T"), ("T", "V"), ()]
)
def test_every_row_of_table_5_runs_and_keeps_shapes(experts):
    t, v = text(), vision()
    over_text, over_vision = (mixed.features for mixed in streams(make(experts), t, v))
    assert over_text.shape == (B, N, DT)
    assert over_vision.shape == (B, K, DV)
    if "T2V" not in experts:
        np.testing.assert_array_equal(over_text, t.features[-1])
    if "V2T" not in experts:
        np.testing.assert_array_equal(over_vision, v.features[-1])


@pytest.mark.parametrize("experts", [("T2V",), ("T2V", "V")])
def test_only_cross_experts_without_a_picture_leave_the_text_as_it_is(experts):
    seen = np.array([[True] * K, [False] * K])
    over_text = streams(make(experts), text(), vision(seen))[0].features
    np.testing.assert_array_equal(over_text[1], text().features[-1][1])
    assert (over_text[0] != text().features[-1][0]).any()


def test_scores_are_not_rounded_to_half_precision_before_the_softmax():
    """768 and 769 are the same number in bfloat16; the softmax of both is not one half."""
    attention = CrossModalAttention(4, 4, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    for layer in (attention.query, attention.key, attention.value):
        layer.kernel[...] = jnp.eye(4)
    query = jnp.array([[[16, 16, 16, 1]]], jnp.bfloat16)
    sources = jnp.array([[[16, 16, 16, 0], [16, 16, 16, 1]]], jnp.bfloat16)
    read = attention(query, Levels([sources], jnp.ones((1, 2), bool)))
    assert float(read.features[0, 0, 0, 3]) == pytest.approx(1 / (1 + np.exp(-0.5)), abs=5e-3)


def test_the_router_weighs_experts_by_logits_that_are_not_rounded():
    moe = MixtureOfExperts(
        4,
        4,
        1,
        1,
        experts=frozenset({"T", "T2V"}),
        own_weight=0.0,
        dtype=jnp.bfloat16,
        rngs=nnx.Rngs(0),
    )
    kernel = np.zeros((8, 2), np.float32)
    kernel[:4, :] = 16.0
    kernel[3, 1] = 16.125  # 1,024 and 1,026, which bfloat16 cannot tell apart
    moe.text.router.kernel[...] = jnp.array(kernel)
    experts = jnp.zeros((1, 2, 1, 4), jnp.bfloat16).at[0, 0].set(16.0)
    weights = moe.text._route(experts, jnp.ones((1, 2), bool))
    assert weights[0, 0, 1] == pytest.approx(1 / (1 + np.exp(-2 / np.sqrt(8))), rel=1e-3)
