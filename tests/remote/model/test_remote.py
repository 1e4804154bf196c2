"""What must hold for the whole model, whatever its weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from models import with_noise

from configs import umre
from remote_jax.remote import build
from remote_jax.remote.model.encoding import box_features, object_means

RELATIONS, VOCABULARY, N, OBJECTS, S = 7, 50, 16, 3, 32


def config(**model):
    sample = umre.get_config()
    sample.text.update({"dim": 32, "layers": 2, "heads": 2, "mlp_dim": 32, "max_positions": 32})
    sample.vision.update({"dim": 24, "layers": 2, "heads": 2, "mlp_dim": 32})
    sample.model.update(model)
    return sample


def make(**model):
    return built(config(**model))


def built(settings):
    sizes = {"relations": RELATIONS, "vocabulary": VOCABULARY}
    return with_noise(lambda: build.remote(settings, **sizes, rngs=nnx.Rngs(0)), 0.1)


@jax.jit
def logits_of(model, data):
    return model(data)


@jax.jit
def dropped(model, data, seed):
    """Logits in training."""
    return model(data, rngs=nnx.Rngs(dropout=jax.random.key(seed)))


def batch(b=4, n=N, o=OBJECTS, seed=0):
    """PairDataset of every triplet type; the last post has no picture and no depth."""
    rng = np.random.default_rng(seed)
    there = np.arange(o)[None] < np.array([[2]] * (b - 1) + [[0]])
    words = np.arange(n)[None] < np.array([[12]] * b)
    return {
        "tokens": rng.integers(1, VOCABULARY, (b, n)) * words,
        "token_mask": words,
        "token_types": np.zeros((b, n), int),
        "rgb": rng.integers(0, 255, (b, o, S, S, 3), dtype=np.uint8),
        "depth": rng.integers(0, 255, (b, o, S, S), dtype=np.uint8),
        "boxes": (rng.random((b, o, 4)) * there[..., None]).astype(np.float32),
        "rgb_mask": there,
        "depth_mask": there & (np.arange(o) != 1),
        "marker": np.array([[1, 5], [2, 6], [3, 7], [4, 8]])[:b],
        "object": np.array([[-1, -1], [0, 1], [-1, 1], [-1, -1]])[:b],
        "label": np.array([0, 1, 2, 3])[:b],
        "row": np.arange(b),
    }


def test_padding_with_words_and_objects_changes_no_logit():
    model = make()
    short, long = batch(), batch(n=N + 5, o=OBJECTS + 2)
    for name, value in short.items():
        # The long batch is the short one plus rubbish where the masks say that nothing is.
        index = tuple(slice(0, size) for size in value.shape)
        long[name][index] = value
    np.testing.assert_allclose(logits_of(model, short), logits_of(model, long), atol=2e-5)


def test_a_caption_reaches_an_entity_through_its_marker():
    """Token 10 is read out for no pair, and its word changes what an entity's marker has."""
    data, model = batch(), make()
    other = {**data, "tokens": data["tokens"].copy()}
    other["tokens"][0, 10] = 1 + data["tokens"][0, 10] % (VOCABULARY - 1)
    before, after = logits_of(model, data), logits_of(model, other)
    assert abs(after[0] - before[0]).max() > 1e-3
    np.testing.assert_allclose(after[1:], before[1:], atol=1e-5)


def test_a_pair_does_not_depend_on_its_neighbours():
    model = make()
    whole = batch()
    logits = logits_of(model, whole)
    for i in range(4):
        copies = {name: np.repeat(value[i : i + 1], 4, 0) for name, value in whole.items()}
        for found in logits_of(model, copies):
            np.testing.assert_allclose(found, logits[i], atol=2e-5)


@pytest.mark.parametrize("mot", ["sinkhorn", "cross_attention", "none"])
@pytest.mark.parametrize("mmoe", ["on", "off"])
def test_every_parameter_gets_a_finite_gradient(mot, mmoe):
    model = make(mot=mot, mmoe=mmoe)
    data = batch()
    # Crops that are all alike are the hardest case for the plans.
    data["rgb"] = np.full_like(data["rgb"], 128)
    data["depth"] = np.full_like(data["depth"], 128)

    @jax.jit
    @jax.grad
    def slope(model):
        logits = model(data, rngs=nnx.Rngs(dropout=1))
        return -jax.nn.log_softmax(logits)[jnp.arange(4), data["label"]].mean()

    gradient = slope(model)
    leaves = {jax.tree_util.keystr(k): v for k, v in jax.tree_util.tree_leaves_with_path(gradient)}
    assert all(jnp.isfinite(v).all() for v in leaves.values())
    silent = [name for name, v in leaves.items() if not jnp.abs(v).max() > 0]
    # CLS has no place among an object's patches, and a bias of keys shifts all scores alike.
    assert all("cls" in name or "'key'" in name for name in silent), silent


def test_dropout_is_drawn_from_the_key_alone():
    model, data = make(dropout=0.5), batch()
    first = dropped(model, data, 3)
    np.testing.assert_array_equal(first, dropped(model, data, 3))
    assert jnp.abs(first - dropped(model, data, 4)).max() > 1e-4


def test_bfloat16_stays_close_to_float32():
    exact, data = make(), batch()
    half = config()
    half.compute_dtype = "bfloat16"
    rounded = logits_of(built(half), data)
    assert rounded.dtype == jnp.float32
    np.testing.assert_allclose(rounded, logits_of(exact, data), atol=0.1)


def test_object_means_count_only_tokens_with_mass():
    features = jnp.arange(12.0).reshape(1, 6, 2)
    mask = jnp.array([[True, False, True, False, False, False]])
    means = object_means(features, mask, 3)
    np.testing.assert_allclose(means, [[[0, 1], [4, 5], [0, 0]]])


def test_position_is_corners_and_area():
    boxes = jnp.array([[[0.1, 0.2, 0.5, 0.7]]])
    np.testing.assert_allclose(box_features(boxes)[0, 0], [-0.8, -0.6, 0.0, 0.4, -0.6], atol=1e-6)
