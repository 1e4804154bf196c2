"""A model without a mechanism against one that is built, or fed, without it."""

import functools

import jax
import numpy as np
import pytest
from small_eega import PLAIN, batch, config, make, without_zeros

from remote_jax.eega import build
from remote_jax.eega.graphs import text_graph, visual_graph
from remote_jax.eega.model.without import take_away
from remote_jax.training.state import split

APART = {"model.alignment.weight": 0.0}


def parameters(**changes):
    return made(frozenset(changes.items()))[1]


def logits(data, *names, params=None, **changes):
    """Those of the model without some mechanisms, by default with the same values each time."""
    params = parameters(**changes) if params is None else params
    return program(names, frozenset(changes.items()))(params, data)


@functools.cache
def program(names, changes):
    skeleton, params = made(changes)
    skeleton, _ = split(take_away(skeleton.model(params), names))
    return jax.jit(lambda params, data: skeleton.model(params)(data).logits)


@functools.cache
def made(changes):
    return split(without_zeros(make(**APART | dict(changes))))


def alone(edges, own):
    """Every node with an edge to itself and no other."""
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
    found = logits(data, name)
    np.testing.assert_allclose(found, logits(data | FED[name](data)), rtol=1e-5, atol=1e-4)
    there = data["words"][:3, :, None] & data["words"][:3, None, :]
    assert np.abs(found - logits(data))[:3][there].max() > 1e-3


def test_without_the_text_graph_a_channel_of_its_labels_stays():
    data, changes = batch(), {"model.channels": "dependency"}
    other = {**data, "edges": alone(data["edges"], text_graph.SELF)}
    found = [logits(one, "text_graph", **changes) for one in (data, other)]
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_without_channels_it_is_the_model_built_without_them():
    data, bare = batch(), {"model.channels": ""}
    shared = {name: parameters()[name] for name in parameters(**bare)}
    assert len(shared) < len(parameters())
    found = logits(data, "channels")
    np.testing.assert_allclose(found, logits(data, params=shared, **bare), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["pos", "distance"])
def test_without_a_channel_it_is_the_model_whose_vectors_are_zero(name):
    data, params = batch(), parameters()
    table = f"channels/channels/{name}/table"
    found = logits(data, name)
    zeros = params | {table: np.zeros_like(params[table])}
    np.testing.assert_allclose(found, logits(data, params=zeros), rtol=1e-5, atol=1e-4)
    assert np.abs(found - logits(data)).max() > 1e-3


def test_parameters_keep_their_names_and_shapes():
    cut = take_away(make(), build.mechanisms(config()))
    sizes = [
        {name: value.shape for name, value in split(model)[1].items()} for model in (make(), cut)
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
