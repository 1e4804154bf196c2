"""One pass over a post: the text is what it is without pairs, and pairs do not see each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from test_remote import OBJECTS, VOCABULARY, batch, dropped, logits_of, make

PAIRS = 3
SAME = ("tokens", "token_mask", "token_types", "rgb", "depth", "boxes", "rgb_mask", "depth_mask")


def posts(pairs=PAIRS, seed=0):
    """The posts of `batch`, with pairs of all triplet types; the second post has two."""
    rng = np.random.default_rng(seed)
    rest = batch()
    size = (len(rest["tokens"]), pairs)
    there = np.arange(pairs)[None] < np.array([[3], [2], [3], [3]])
    return {
        **{name: rest[name] for name in SAME},
        "markers": rng.integers(1, VOCABULARY, (*size, 4)),
        "places": rng.integers(1, 12, (*size, 4)),
        "object": rng.integers(-1, OBJECTS, (*size, 2)),
        "pair_mask": there,
        "label": rng.integers(0, 7, size),
    }


def some(data, chosen):
    """The posts with those pairs alone."""
    names = ("markers", "places", "object", "pair_mask", "label")
    return {**data, **{name: data[name][:, chosen] for name in names}}


@pytest.fixture(scope="module")
def model():
    return make(pairs="shared")


@pytest.mark.parametrize("chosen", [[0], [2, 1], [1, 1, 0, 2]])
def test_a_pair_is_answered_alike_whatever_else_is_asked(model, chosen):
    data = posts()
    whole = logits_of(model, data).reshape(4, PAIRS, -1)
    part = logits_of(model, some(data, chosen)).reshape(4, len(chosen), -1)
    np.testing.assert_allclose(part, whole[:, chosen], atol=2e-5)
    assert abs(whole[:, 0] - whole[:, 1]).max() > 1e-2


def test_the_text_is_read_as_without_pairs(model):
    data = posts()

    @jax.jit
    def read(model, data):
        text, at_markers = model.read(data, None)
        alone = model.text(data["tokens"], data["token_mask"], data["token_types"])
        return text.features, at_markers, alone.features

    text, at_markers, alone = read(model, data)
    for one, other in zip(text, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)
    assert at_markers.shape == (4, 2 * PAIRS, one.shape[-1])


def test_a_marker_stands_where_what_it_marks_does(model):
    """With the token and the position of a word, a marker goes in as that word does."""
    data = posts(1)
    data["places"][:] = 5
    data["markers"][:] = data["tokens"][:, 5, None, None]
    every = jnp.concatenate([data["tokens"], data["markers"].reshape(4, 4)], axis=1)
    types = jnp.zeros(every.shape, int)
    x = model.text.bert.embed(every, types, extra=data["places"].reshape(4, 4))
    np.testing.assert_array_equal(x[:, 16:], np.repeat(x[:, 5:6], 4, axis=1))


def test_padding_with_pairs_words_and_objects_changes_no_logit(model):
    data, longer = posts(), posts(PAIRS + 2)
    bigger = batch(n=21, o=OBJECTS + 2)
    for name in SAME:
        longer[name] = bigger[name]
    longer["pair_mask"][:, PAIRS:] = False
    for name in (*SAME, "markers", "places", "object", "pair_mask"):
        longer[name][tuple(slice(0, size) for size in data[name].shape)] = data[name]
    whole = logits_of(model, longer).reshape(4, PAIRS + 2, -1)[:, :PAIRS]
    np.testing.assert_allclose(whole, logits_of(model, data).reshape(whole.shape), atol=2e-5)


def test_what_lies_beyond_the_objects_of_a_batch_is_not_seen(model):
    data = posts()
    cut = {**data, **{name: data[name][:, :0] for name in SAME[3:]}}
    unseen = {name: np.zeros_like(data[name]) for name in ("rgb_mask", "depth_mask")}
    np.testing.assert_allclose(
        logits_of(model, cut), logits_of(model, {**data, **unseen}), atol=2e-5
    )
    (_, one), (_, other) = (
        jax.jit(lambda x: model.observed(x))(x) for x in (cut, {**data, **unseen})
    )
    assert one.keys() == other.keys()
    for name in one:
        shape = one[name].shape
        assert shape[0] == 4 * PAIRS and shape == other[name].shape
        np.testing.assert_allclose(one[name], other[name], atol=2e-5, err_msg=name)


@pytest.mark.parametrize(("mot", "mmoe"), [("sinkhorn", "on"), ("none", "off")])
def test_every_parameter_gets_a_finite_gradient(mot, mmoe):
    data = posts()

    @jax.jit
    @jax.grad
    def slope(model):
        scores = jax.nn.log_softmax(model(data, rngs=nnx.Rngs(dropout=1)))
        return -jnp.take_along_axis(scores, data["label"].reshape(-1, 1), axis=1).mean()

    leaves = jax.tree_util.tree_leaves_with_path(slope(make(pairs="shared", mot=mot, mmoe=mmoe)))
    found = {jax.tree_util.keystr(path): value for path, value in leaves}
    assert all(jnp.isfinite(value).all() for value in found.values())
    silent = [name for name, value in found.items() if not jnp.abs(value).max() > 0]
    assert all("cls" in name or "'key'" in name for name in silent), silent


def test_dropout_is_drawn_from_the_key_alone():
    model, data = make(pairs="shared", dropout=0.5), posts()
    first = dropped(model, data, 3)
    np.testing.assert_array_equal(first, dropped(model, data, 3))
    assert jnp.abs(first - dropped(model, data, 4)).max() > 1e-4


def test_parameters_have_the_names_and_shapes_of_the_other_form(model):
    shapes = [
        {jax.tree_util.keystr(path): leaf.shape for path, leaf in leaves}
        for leaves in map(jax.tree_util.tree_leaves_with_path, (model, make()))
    ]
    assert shapes[0] == shapes[1]
