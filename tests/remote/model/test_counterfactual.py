"""A model without a mechanism is the model that was built without it, with the same parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from models import with_noise

from configs import umre
from remote_jax.remote import build
from remote_jax.remote.model.counterfactual import MECHANISMS, without
from remote_jax.training.state import split

B, N, OBJECTS, S, RELATIONS, VOCABULARY = 4, 12, 3, 32, 7, 50


def made(**model):
    config = umre.get_config()
    config.text.update({"dim": 16, "layers": 2, "heads": 2, "mlp_dim": 16, "max_positions": 16})
    config.vision.update({"dim": 12, "layers": 2, "heads": 2, "mlp_dim": 16})
    config.model.update(model)
    sizes = {"relations": RELATIONS, "vocabulary": VOCABULARY}
    return with_noise(lambda: build.remote(config, **sizes, rngs=nnx.Rngs(0)))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    there = np.arange(OBJECTS)[None] < np.array([[2], [3], [1], [0]])
    return {
        "tokens": rng.integers(1, VOCABULARY, (B, N)),
        "token_mask": np.arange(N)[None] < np.array([[12], [9], [12], [8]]),
        "token_types": np.zeros((B, N), int),
        "rgb": rng.integers(0, 255, (B, OBJECTS, S, S, 3), dtype=np.uint8),
        "depth": rng.integers(0, 255, (B, OBJECTS, S, S), dtype=np.uint8),
        "boxes": rng.random((B, OBJECTS, 4)).astype(np.float32),
        "rgb_mask": there,
        "depth_mask": there,
        "marker": np.array([[1, 5], [2, 6], [3, 7], [4, 7]]),
        "object": np.array([[-1, -1], [0, 1], [-1, 0], [-1, -1]]),
    }


@jax.jit
def logits_of(model, batch):
    return model(batch)


def carried_over(smaller):
    """The smaller model with the parameters of the whole one, by name."""
    _, params = split(made())
    skeleton, own = split(smaller)
    return skeleton.model({name: params[name] for name in own})


@pytest.mark.parametrize(
    ("name", "switch"), [("transport", {"mot": "none"}), ("experts", {"mmoe": "off"})]
)
def test_it_equals_the_model_that_was_built_without(batch, name, switch):
    whole = logits_of(made(), batch)
    found = logits_of(without(made(), [name]), batch)
    np.testing.assert_allclose(found, logits_of(carried_over(made(**switch)), batch), atol=1e-5)
    assert float(jnp.abs(found - whole).max()) > 1e-3


def test_without_the_router_it_equals_a_router_of_zeros_that_starts_alike(batch):
    plain = made(own_weight=0.0)
    for stream in (plain.mmoe.text, plain.mmoe.vision):
        stream.router.kernel[...] = jnp.zeros_like(stream.router.kernel[...])
    found = logits_of(without(made(), ["router"]), batch)
    np.testing.assert_allclose(found, logits_of(plain, batch), atol=1e-5)
    assert float(jnp.abs(found - logits_of(made(), batch)).max()) > 1e-3


def test_all_at_once_is_the_model_built_without_any(batch):
    plain = carried_over(made(mot="none", mmoe="off"))
    found = logits_of(without(made(), list(MECHANISMS)), batch)
    np.testing.assert_allclose(found, logits_of(plain, batch), atol=1e-5)


def test_parameters_keep_their_names_and_shapes():
    _, whole = split(made())
    _, rest = split(without(made(), list(MECHANISMS)))
    assert {n: x.shape for n, x in rest.items()} == {n: x.shape for n, x in whole.items()}
