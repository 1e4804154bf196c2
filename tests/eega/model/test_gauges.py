"""Gauges against numpy and finite differences, and collapses that are planted."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_eega import PLAIN, K, N, batch, config, make, without_zeros

from remote_jax.eega import gauges
from remote_jax.eega.model import gauges as traced
from remote_jax.eega.model.word_pairs import tagging_loss
from remote_jax.eega.task import EegaTask
from remote_jax.task import GAUGE
from remote_jax.training.state import split

STEP = 1e-2
SHARP = {"model.alignment.edge_epsilon": 0.005}
"""With the preset's ε, edges of the small model are matched with none in particular."""


def slopes(function, x):
    """The gradient by central differences."""
    shifts = STEP * np.eye(x.size, dtype=x.dtype).reshape(-1, *x.shape)
    values = jax.jit(jax.vmap(lambda shift: function(x + shift) - function(x - shift)))(shifts)
    return np.array(values, np.float64) / (2 * STEP)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def distance(image, text, adjacent, plans, alpha):
    """Eq. 7 in float64 at given plans, of graphs without padding."""
    x, y = unit(image), unit(text)
    nodes = ((1 - x @ y.T) * plans[0]).sum()
    c = [
        np.where(a & ~np.eye(len(a), dtype=bool), 1 - h @ h.T, 0)
        for h, a in zip((x, y), adjacent, strict=True)
    ]
    gaps = (c[0][:, :, None, None] - c[1][None, None]) ** 2
    return alpha * nodes + (1 - alpha) * np.einsum("ihjl,ij,hl->", gaps, plans[1], plans[1])


def alignment_slope(encoded, plans, alpha):
    """|∇L_graph| over the nodes of both graphs, by central differences in float64."""
    rows = np.flatnonzero(plans.aligned)
    total = 0.0
    for row in rows:
        sides = [encoded.image, encoded.text]
        there = [np.array(side.mask[row]) for side in sides]
        nodes = [np.array(s.nodes[row], np.float64)[t] for s, t in zip(sides, there, strict=True)]
        adjacent = [
            np.array(s.adjacent[row])[np.ix_(t, t)] for s, t in zip(sides, there, strict=True)
        ]
        both = [np.array(p[row])[np.ix_(*there)] for p in (plans.nodes, plans.edges)]
        for side in range(2):
            for place in np.ndindex(nodes[side].shape):
                ends = []
                for sign in (1, -1):
                    moved = [x.copy() for x in nodes]
                    moved[side][place] += sign * 1e-5
                    ends.append(distance(*moved, adjacent, both, alpha))
                total += ((ends[0] - ends[1]) / 2e-5 / len(rows)) ** 2
    return np.sqrt(total)


@pytest.fixture(scope="module")
def aligned():
    """A model, what it encodes of a batch and the plans, with the gauges of the alignment."""
    skeleton, params = split(without_zeros(make()))
    data = batch()

    @jax.jit
    def found(params):
        model = skeleton.model(params)
        encoded = model.encode(data)
        plans = model.plans(encoded)
        return encoded, plans, traced.of_alignment(model, encoded, data, plans, weight=20.0)

    return skeleton.model(params), data, *found(params)


def test_the_share_of_the_gradient_is_that_of_finite_differences(aligned):
    model, data, encoded, plans, found = aligned
    cells = data["words"][:, :, None] & data["words"][:, None, :]

    def main(side, nodes):
        moved = encoded._replace(**{side: getattr(encoded, side)._replace(nodes=nodes)})
        return tagging_loss(model.tag(moved, data).logits, data["tags"], cells)

    own = [
        slopes(lambda nodes, side=side: main(side, nodes), getattr(encoded, side).nodes)
        for side in ("text", "image")
    ]
    of_main = np.linalg.norm(np.concatenate(own))
    of_graph = 20 * alignment_slope(encoded, plans, config().model.alignment.alpha)
    expected = of_graph / (of_graph + of_main)
    assert 0.05 < expected < 0.95
    np.testing.assert_allclose(found["gradient_share"], expected, rtol=0.02)


def test_entropies_are_those_of_the_plans_of_aligned_posts(aligned):
    _, _, encoded, plans, found = aligned
    np.testing.assert_allclose(found["aligned"], 0.5)  # of 2, 3, 1 and 0 objects
    for name, plan in (("node_entropy", plans.nodes), ("edge_entropy", plans.edges)):
        each = []
        for row in (0, 1):
            k, n = int(encoded.image.mask[row].sum()), int(encoded.text.mask[row].sum())
            p = np.array(plan[row, :k, :n], np.float64)
            information = (p * np.log(p * k * n)).sum()
            each.append(1 - information / np.log(min(k, n)))
        np.testing.assert_allclose(found[name], np.mean(each), atol=1e-5)


def test_entropy_goes_from_a_matching_to_everything_everywhere():
    masks = (
        np.arange(K) < np.array([2, 3, 3, 1])[:, None],
        np.arange(N) < np.array([4, 3, 3, 5])[:, None],
    )
    plans = np.zeros((4, K, N), np.float32)
    plans[0, :2, :4] = [[0.25, 0.25, 0, 0], [0, 0, 0.25, 0.25]]
    plans[1, :3, :3] = 1 / 9
    plans[2, :3, :3] = np.eye(3) / 6 + 1 / 18
    plans[3, 0, :5] = 0.2
    found = jax.jit(traced.entropy)(plans, *masks)
    between = 1 - np.log([2, 0.5, 0.5]) @ [2 / 3, 1 / 6, 1 / 6] / np.log(3)
    np.testing.assert_allclose(found, [0, 1, between, 1], atol=1e-5)


def channels(model, data):
    skeleton, params = split(model)

    @jax.jit
    def found(params):
        model = skeleton.model(params)
        encoded = model.encode(data)
        return traced.of_channels(model, encoded, data), model.read_objects(encoded).words

    return found(params)


def test_weights_of_a_channel_are_what_it_tells_words_and_pairs_apart():
    """Eq. 9 in numpy, for a channel of pairs."""
    model, data = without_zeros(make(**{"model.channel_values": False})), batch()
    found, words = channels(model, data)
    layer = model.channels
    place = layer.names.index("distance")
    channel, values = layer.channels["distance"], layer.values["distance"]
    for row in range(3):
        n = int(data["words"][row].sum())
        o, d = np.array(words[row, :n], np.float64), words.shape[-1]
        vectors = np.array(channel.table[...])[data["distance"][row, :n, :n]]
        scores = np.maximum(vectors @ channel.weight.kernel[...] + channel.weight.bias[...], 0)
        weights = np.exp(scores[..., 0])
        weights /= weights.sum(1, keepdims=True)
        read = weights @ (o @ values.kernel[...] + values.bias[...])
        heard = read @ layer.up.kernel[...][place * d : (place + 1) * d]
        expected = ((heard - heard.mean(0)) ** 2).sum(1).mean()
        np.testing.assert_allclose(found["words/distance"][row], expected, rtol=1e-3)
        pairs = vectors @ channel.pair.kernel[...]
        expected = ((pairs - pairs.mean((0, 1))) ** 2).sum(2).mean()
        np.testing.assert_allclose(found["pairs/distance"][row], expected, rtol=1e-3)
        np.testing.assert_allclose(found["words"][row], (o**2).sum(1).mean(), rtol=1e-4)


@functools.cache
def program(changes):
    task, (skeleton, _) = EegaTask(config(**dict(changes))), split(make(**dict(changes)))

    @jax.jit
    def run(params, data):
        model = skeleton.model(params)
        return task.predict(model, data, None), task.loss(model, data, None)[1]

    return task, run


def gauged(model, data, changes=SHARP):
    """Gauges of a batch as the loop gathers them: of `predict`, and of the scalars of `loss`."""
    task, run = program(frozenset(changes.items()))
    outputs, scalars = jax.device_get(run(split(model)[1], data))
    of_loss = {
        name.removeprefix(GAUGE): float(value)
        for name, value in scalars.items()
        if name.startswith(GAUGE)
    }
    return task.gauges("validation", outputs) | of_loss


def test_weights_of_all_channels_make_one():
    found = gauged(without_zeros(make()), batch())
    for kind in ("words", "pairs"):
        each = [value for name, value in found.items() if name.endswith(f"/{kind}")]
        assert len(each) == 5 and min(each) > 0
        assert sum(each) == pytest.approx(1)
    assert found["channels/moved"] > 0


def test_collapses_that_are_planted_are_said():
    """A channel whose vectors are 0, and pictures of one object: nothing else is said."""
    model, data = without_zeros(make()), batch()
    assert gauges.collapsed(gauged(model, data)) == []
    table = model.channels.channels["pmi"].table
    table[...] = jnp.zeros_like(table[...])
    lone = {**data, "objects": data["objects"] & (np.arange(K) < 1)}
    assert gauges.collapsed(gauged(model, lone)) == [
        "The alignment of graphs teaches nothing: 0.0000 of the gradient comes from it (0% of "
        "the posts are aligned).",
        "The channel pmi says nothing: its weight among the channels is 0.0000.",
    ]


def test_a_plan_that_moves_everything_everywhere_is_said():
    found = {"alignment/gradient_share": 0.2, "alignment/node_entropy": 0.999}
    (said,) = gauges.collapsed(found)
    assert said.startswith(
        "The plan that aligns words with objects matches nothing: its entropy is 0.9990"
    )
    assert gauges.collapsed(found | {"alignment/node_entropy": 0.7}) == []


def test_a_layer_that_has_learnt_nothing_moves_nothing():
    model = make()
    kernel = model.channels.down.kernel
    kernel[...] = jnp.zeros_like(kernel[...])
    found = gauged(model, batch())
    assert found["channels/moved"] == 0
    (said,) = gauges.collapsed(found)
    assert said.startswith("The channels leave words as they are: S - O has 0.0000 of the length")


def test_without_channels_and_pictures_there_is_nothing_to_gauge():
    assert gauged(make(**PLAIN), batch(), PLAIN) == {}
