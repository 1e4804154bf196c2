"""What must hold for the whole model, whatever its weights, and for each of its switches."""

import functools
import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict
from small_eega import PLAIN, SIZES, N, batch, config, longer, make

from remote_jax.eega import build
from remote_jax.eega.graphs.text_graph import OFFSETS
from remote_jax.eega.model.eega import matrix
from remote_jax.eega.task import EegaTask
from remote_jax.training.state import split

APART = {"model.alignment.weight": 0.0}
"""Without an alignment, which is the slowest to compile."""
SWITCHES = [
    {},
    APART | {"model.graph": "vanilla", "features.classes": True},
    APART | {"model.graph": "none", "model.channels": ""},
    APART | {"model.channels": "pmi,dependency", "model.pair_features": False, "model.hidden": 0},
    {"features.picture": False},
    PLAIN,
]


def cells(data):
    return data["words"][:, :, None] & data["words"][:, None, :]


class Found(NamedTuple):
    loss: jax.Array
    parts: dict
    logits: jax.Array
    attention: jax.Array | None


def run(model, data, **changes):
    """All that the model says of a batch, in one program."""
    return programs(config(**changes).to_json())[0](split(model)[1], data)


def gradients(model, data, **changes):
    """The loss, and its gradient by parameter."""
    return programs(config(**changes).to_json())[1](split(model)[1], data)


@functools.cache
def programs(settings):
    """Of a model with these settings; each is compiled once for a shape of batches."""
    found = ConfigDict(json.loads(settings))
    task = EegaTask(found)
    skeleton, _ = split(nnx.eval_shape(lambda: build.eega(found, SIZES, rngs=nnx.Rngs(0))))

    def found(params, data):
        model = skeleton.model(params)
        return Found(*task.loss(model, data, None), *model(data))

    def loss(params, data):
        return task.loss(skeleton.model(params), data, None)[0]

    return jax.jit(found), jax.jit(jax.value_and_grad(loss))


@pytest.mark.parametrize("changes", SWITCHES)
def test_padding_changes_nothing(changes):
    model, short = make(**changes), batch()
    long = longer(short)
    there = cells(short)
    before, after = (run(model, data, **changes) for data in (short, long))
    logits = after.logits[:, :N, :N]
    np.testing.assert_allclose(logits[there], before.logits[there], atol=1e-5)
    np.testing.assert_allclose(after.loss, before.loss, atol=1e-5)
    np.testing.assert_allclose(after.parts["graph_loss"], before.parts["graph_loss"], atol=1e-5)


@pytest.mark.parametrize("changes", [{}, PLAIN])
def test_a_sentence_does_not_depend_on_its_neighbours(changes):
    model, data = make(**changes), batch()
    logits, there = run(model, data, **changes).logits, cells(data)
    for row in range(4):
        copies = {name: np.repeat(value[row : row + 1], 4, 0) for name, value in data.items()}
        for found in run(model, copies, **changes).logits:
            np.testing.assert_allclose(found[there[row]], logits[row][there[row]], atol=1e-5)


def test_the_order_of_objects_does_not_matter():
    model, data = make(), batch()
    order = np.array([1, 2, 0])
    other = dict(data)
    for name in ("rgb", "objects", "classes"):
        other[name] = data[name][:, order]
    other["object_edges"] = data["object_edges"][:, order][:, :, order]
    there = cells(data)
    before, after = (run(model, one) for one in (data, other))
    np.testing.assert_allclose(before.logits[there], after.logits[there], atol=1e-5)
    np.testing.assert_allclose(before.attention[:, :, order], after.attention, atol=1e-5)
    np.testing.assert_allclose(before.loss, after.loss, atol=1e-5)


def test_what_is_shown_matters_only_to_its_own_sentence():
    model, data = make(), batch()
    other = {**data, "rgb": data["rgb"].copy()}
    other["rgb"][0, 0] = 255 - other["rgb"][0, 0]
    other["rgb"][3] = 7  # no object is there
    before, after = (run(model, one).logits for one in (data, other))
    assert jnp.abs(after[0] - before[0]).max() > 1e-5
    np.testing.assert_array_equal(after[1:], before[1:])


@pytest.mark.parametrize("changes", SWITCHES)
def test_every_parameter_gets_a_finite_gradient(changes):
    model, data = make(**changes), batch()
    alike = {**data, "rgb": np.full_like(data["rgb"], 128)}  # all objects
    found = [gradients(model, one, **changes)[1] for one in (data, alike)]
    assert all(np.isfinite(value).all() for flat in found for value in flat.values())
    untouched = {name for name in found[0] if not any(np.any(flat[name]) for flat in found)}
    # A key's bias moves all scores of a query alike; the depth kernel is REMOTE's alone.
    odd = {name for name in untouched if not name.endswith(("key/bias", "depth_kernel"))}
    assert not odd


def test_without_any_picture_all_is_finite():
    data = batch()
    data["objects"] = np.zeros_like(data["objects"])
    data["object_edges"] = np.zeros_like(data["object_edges"])
    model = make()
    value, flat = gradients(model, data)
    assert np.isfinite(value) and all(np.isfinite(value).all() for value in flat.values())
    found = run(model, data)
    assert found.parts["graph_loss"] == 0
    assert not any(np.any(value) for name, value in flat.items() if name.startswith("vision/"))
    assert not np.any(found.attention)


def test_the_plain_tagger_is_the_encoder_and_the_tagger_alone():
    _, params = split(make(**PLAIN))
    assert {"/".join(name.split("/")[:2]) for name in params} == {
        "text/bert",
        *("tagger/first", "tagger/second", "tagger/tags"),
    }
    data = batch()
    only = {name: data[name] for name in ("tokens", "token_mask", "word", "words", "tags")}
    model = make(**PLAIN)
    found = [run(model, one, **PLAIN).logits for one in (only, data)]
    np.testing.assert_array_equal(*found)


PARTS = {
    "text/graph/attention/edges": {"model.graph": "vanilla"},
    "text/graph": {"model.graph": "none"},
    "vision/graph": {"model.graph": "none"},
    "channels": {"model.channels": ""},
    "channels/channels/position": {"model.channels": "pos,distance,pmi"},
    "channels/channels/shape": {"model.channels": "pos,distance,pmi"},
    "channels/channels/pos": {"model.channels": "distance,pmi"},
    "channels/channels/pos/pair": {"model.pair_features": False},
    "channels/channels/pos/message": {"model.channel_values": False},
    "vision": {"features.picture": False},
    "attention": {"features.picture": False},
    "tagger/tags": {"model.hidden": 0},
}


@pytest.mark.parametrize(("part", "changes"), PARTS.items())
def test_a_switch_takes_its_part_out(part, changes):
    _, params = split(make())
    _, fewer = split(make(**changes))
    assert any(name.startswith(f"{part}/") or name == part for name in params)
    assert not any(name.startswith(f"{part}/") or name == part for name in fewer)


ONE = APART | {"model.channels": "position"}
UNREAD = {
    "edges": SWITCHES[1],
    "object_edges": SWITCHES[1],
    "pos": ONE,
    "distance": ONE,
    "pmi": ONE,
    "shape": ONE,
    "rgb": {"features.picture": False},
    "classes": ONE,
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_switched_off_is_not_read(name):
    """And what is on is."""
    data = batch()
    other = {**data, name: np.where(data[name] > 0, data[name] % 3 + 1, 0)}
    on = APART | {"features.classes": True}
    for changes, same in ((UNREAD[name], True), (on, False)):
        model = make(**changes)
        values = [run(model, one, **changes).logits for one in (data, other)]
        assert np.array_equal(*values) == same


def test_positions_say_how_far_the_second_word_is_after_the_first():
    model, data = make(**{"features.picture": False}), batch()
    found = matrix("position", data)
    assert found.shape == (4, N, N)
    np.testing.assert_array_equal(found[1, 2, :6], [10, 11, 12, 13, 14, 15])
    assert (found == found[0]).all()
    assert model.channels.channels["position"].table.shape[0] == OFFSETS


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_lambda_weighs_the_alignment(weight):
    changes = {"model.alignment.weight": weight}
    model, data = make(**changes), batch()
    found = run(model, data, **changes)
    parts = found.parts
    expected = parts["tagging_loss"] + weight * parts["graph_loss"]
    np.testing.assert_allclose(found.loss, expected, rtol=1e-6)
    assert (parts["graph_loss"] > 0) == (weight > 0)


def test_alpha_goes_from_edges_to_nodes():
    model, data = make(), batch()
    encoded = jax.jit(lambda model: model.encode(data))(model)

    def distance(alpha):
        alignment = build.alignment(config(**{"model.alignment.alpha": alpha}))

        @jax.jit
        def at(image, text):
            return alignment.loss(image, text, alignment.plans(image, text))

        return float(at(encoded.image, encoded.text))

    edges, nodes = distance(0.0), distance(1.0)
    assert config().model.alignment.alpha == 0.4
    whole = float(run(model, data).parts["graph_loss"])
    np.testing.assert_allclose(whole, 0.4 * nodes + 0.6 * edges, rtol=1e-5)
    assert edges != nodes


def test_dropout_is_drawn_from_its_rngs():
    changes = APART | {"model.dropout": 0.5, "text.dropout": 0.5, "vision.dropout": 0.5}
    data, (skeleton, params) = batch(), split(make(**changes))

    @jax.jit
    def drawn(params, seed):
        return skeleton.model(params)(data, rngs=nnx.Rngs(jax.random.key(seed))).logits

    one, again, other = (drawn(params, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert jnp.abs(one - other).max() > 1e-3
