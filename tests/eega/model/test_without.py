"""A model without a mechanism against one that is built, or fed, without it."""

import jax
import numpy as np
import pytest
from small_eega import PLAIN, batch, config, make, without_zeros

from remote_jax.eega import build
from remote_jax.eega.graphs import text_graph, visual_graph
from remote_jax.eega.model.without import take_away
from remote_jax.training.state import split

APART = {"model.alignment.weight": 0.0}


def logits(model, data, params=None):
    skeleton, own = split(model)
    return jax.jit(lambda params: skeleton.model(params)(data).logits)(params or own)


def whole(*names, **changes):
    """The model, with the same values each time; without some of its mechanisms."""
    return take_away(without_zeros(make(**APART | changes)), names)


def alone(edges, own):
    return np.where(np.eye(edges.shape[-1], dtype=bool) & (edges > 0), own, 0)


FED = {
    "image": lambda data: {"objects": np.zeros_like(data["objects"])},
    "text_graph": lambda data: {"edges": alone(data["edges"], text_graph.SELF)},
    "visual_graph": lambda data: {
        "object_edges": alone(data["object_edges"], visual_graph.SELF),
    },
}


@pytest.mark.parametrize("name", FED)
def test_without_a_graph_or_the_image_it_is_as_if_the_post_had_none(name):
    data = batch()
    found = logits(whole(name), data)
    np.testing.assert_allclose(found, logits(whole(), data | FED[name](data)), atol=1e-5)
    there = data["words"][:3, :, None] & data["words"][:3, None, :]
    assert np.abs(found - logits(whole(), data))[:3][there].max() > 1e-3


def test_without_the_text_graph_a_channel_of_its_labels_stays():
    changes = {"model.channels": "dependency"}
    data = batch()
    only = logits(whole("text_graph", **changes), data)
    other = {**data, "edges": alone(data["edges"], text_graph.SELF)}
    assert np.abs(only - logits(whole("text_graph", **changes), other)).max() > 1e-3


def test_without_channels_it_is_the_model_built_without_them():
    data, cut = batch(), whole("channels")
    _, params = split(cut)
    bare = make(**APART | {"model.channels": ""})
    shared = {name: params[name] for name in split(bare)[1]}
    assert len(shared) < len(params)
    np.testing.assert_array_equal(logits(cut, data), logits(bare, data, shared))


def test_without_a_channel_it_is_the_model_whose_vectors_are_zero():
    data = batch()
    for name in ("pos", "distance"):
        model = whole()
        table = model.channels.channels[name].table
        table[...] = np.zeros(table.shape, table.dtype)
        found = logits(whole(name), data)
        np.testing.assert_allclose(found, logits(model, data), atol=1e-5)
        assert np.abs(found - logits(whole(), data)).max() > 1e-3


def test_parameters_keep_their_names_and_shapes():
    names = build.mechanisms(config())
    sizes = [
        {name: value.shape for name, value in split(model)[1].items()}
        for model in (whole(), whole(*names))
    ]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (
            {"model.channels": "pos,pmi"},
            ["text_graph", "visual_graph", "image", "channels", "pos", "pmi"],
        ),
        ({"model.channels": "", "features.picture": False}, ["text_graph"]),
        ({"model.graph": "vanilla", "model.channels": ""}, ["image"]),
        (PLAIN, []),
    ],
)
def test_only_what_a_model_has_can_be_taken_away(changes, names):
    """The alignment cannot: no prediction reads it."""
    assert list(build.mechanisms(config(**changes))) == names
