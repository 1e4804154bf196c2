"""Pairs of a post that are read together, from the data to the answers of posts."""

import functools
import json
from pathlib import Path

import jax
import jax.export
import numpy as np
import optax
import pytest
from flax import nnx
from ml_collections import ConfigDict
from PIL import Image
from tiny_remote import tiny

from remote_jax.data import posts as lines
from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.media import Folder, InMemoryMedia, PostFileMedia
from remote_jax.remote.data import posts as remote_posts
from remote_jax.remote.data.together.form import by_pair
from remote_jax.remote.task import make_task
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.state import split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))
FORM = {"model.pairs": "shared", "data.max_tokens": 112, "text.max_positions": 112}
POST = {
    "text": "Gatika Bamorel plays for Divafen Rovers in Oslo",
    "entities": [[0, 14], [25, 39], [43, 47]],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def task(cache, folder, **changes):
    """With room for all words: what is cut depends on which entities are asked about."""
    found = make_task(tiny(cache, **FORM, **changes))
    found.prepare(folder, anew=True)
    return found


@pytest.fixture(scope="module")
def shared(cache, tmp_path_factory):
    return task(cache, tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def params(shared):
    return split(shared.model(nnx.Rngs(0)))[1]


@functools.cache
def program(found):
    """Compiled once for a shape of batches."""
    return make_predict(found, split(found.shapes())[0], MESH)


def predicted(found, params, data):
    return evaluate(program(found), params, data, found.config)


def test_answers_do_not_depend_on_the_size_of_groups(shared, params, cache, tmp_path):
    outputs = by_pair(predicted(shared, params, shared.dataset("test")))
    few = task(cache, tmp_path, **{"data.max_pairs": 2})
    assert len(few.dataset("test")) > len(shared.dataset("test"))
    other = by_pair(predicted(few, params, few.dataset("test")))
    assert outputs.keys() == other.keys()
    for name in outputs:
        assert len(outputs[name]) == len(shared.pairs.examples("test"))
        np.testing.assert_allclose(other[name], outputs[name], atol=1e-5, err_msg=name)


def test_answers_do_not_depend_on_the_pairs_that_a_batch_is_cut_to(shared, params):
    """Posts with few pairs are in batches that have room for few."""
    data = shared.dataset("test")
    extents = shared.form.featurize(shared.tokenizer, Folder(Path())).extents(
        shared._examples("test")
    )
    tokens, objects, pairs = extents.padding.full
    middle = int(np.median(extents.filled[:, 2]))
    shapes = [(tokens, objects, middle), (tokens, objects, pairs)]
    buckets = Buckets.with_shapes(extents, shapes)
    assert set(buckets.kinds) == {0, 1}
    predict, config = program(shared), shared.config.copy_and_resolve_references()
    config.train.eval_batch_size = 2
    whole, cut = (by_pair(evaluate(predict, params, data, config, one)) for one in (None, buckets))
    for name in whole:
        assert len(cut[name]) == len(shared.pairs.examples("test"))
        np.testing.assert_allclose(cut[name], whole[name], atol=1e-5, err_msg=name)


def test_scores_are_of_pairs(shared, params):
    outputs = predicted(shared, params, shared.dataset("validation"))
    calibration = shared.calibrate(outputs)
    found = shared.calibrated(outputs, calibration)
    labels = shared.pairs.labels("validation")
    scores = shared.metrics("validation", found)
    assert scores["accuracy"] == pytest.approx((found["label"][: len(labels)] == labels).mean())
    rows = list(shared.rows("validation", found))
    assert len(rows) == len(labels)
    assert set(shared.gauges("validation", outputs)) > {"transport/text/moved", "router/T"}


def test_the_loss_is_the_mean_over_pairs(shared, params):
    """Of all batches of an epoch together, whatever their sizes."""
    skeleton, _ = split(shared.shapes())
    data = shared.dataset("train")
    logits = by_pair(predicted(shared, params, data))["logits"]
    pairs = shared.pairs.training
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, pairs.labels)
    expected = float((pairs.weights * losses).mean())

    @jax.jit
    def loss(batch):
        return shared.loss(skeleton.model(params), batch, None)[0]

    batches = [{name: x[None] for name, x in data[row].items()} for row in range(len(data))]
    assert float(np.mean([loss(batch) for batch in batches])) == pytest.approx(expected, rel=1e-5)


def test_examples_are_named_by_their_first_pair(shared):
    records = shared.pairs.examples("test")
    (place,) = shared.places("test", [0])
    first = int(shared.dataset("test")[0]["row"][0])
    assert place == f"{records[first].file}:{records[first].line}"


def test_posts_are_answered_whatever_the_size_of_groups(shared, params, cache, tmp_path):
    posts = tmp_path / "posts.jsonl"
    Image.new("RGB", (40, 30), (200, 40, 40)).save(tmp_path / "a.png")
    boxes = [{"box": [0.0, 0.0, 0.5, 1.0], "caption": "a red hat"}, [0.5, 0.0, 1.0, 1.0]]
    post = {**POST, "image": "a.png", "objects": boxes}
    posts.write_text("".join(json.dumps(one) + "\n" for one in (post, {"text": "x"}, post)))
    told = []
    for found in (shared, task(cache, tmp_path / "few", **{"data.max_pairs": 2})):
        source = found.posts([value for _, value in lines.read(posts)], PostFileMedia(posts))
        outputs = predicted(found, params, source.dataset)
        surely = found.calibrated(outputs, {"temperature": 1.0, "threshold": 0.0})
        first, none, last = source.answers(surely)
        assert not none.relations and first.asked == last.asked > 10
        assert first.relations and len(first.relations) == len(last.relations)
        told.append([(one.relation, one.probability) for one in first.relations])
    for (name, one), (other, two) in zip(*told, strict=True):
        assert name == other and one == pytest.approx(two, abs=1e-5)


def test_many_posts_have_more_pairs_an_example(cache, params, tmp_path, monkeypatch):
    """Their answers are those of few, also of a post that is longer than what is read of it."""
    text = " ".join([POST["text"]] * 20)
    long = {"text": text, "entities": [[0, 14], [25, 39], [len(text) - 4, len(text)]]}
    found = task(cache, tmp_path / "cut", **{"data.buckets": 2, "data.max_pairs": 4})
    told, sizes = [], []
    for least in (1, 10**6):
        monkeypatch.setattr(remote_posts, "WORTH_CUTTING", least)
        source = found.posts([POST, {"text": "x"}, long], InMemoryMedia())
        sizes.append(len(source.dataset))
        outputs = evaluate(program(found), params, source.dataset, found.config, source.buckets)
        surely = found.calibrated(outputs, {"temperature": 1.0, "threshold": 0.0})
        first, _, last = source.answers(surely)
        assert first.relations and last.unread
        every = [*first.relations, *last.relations]
        told.append([(one.relation, one.probability) for one in every])
    assert sizes == [3, 4]
    for (name, one), (other, two) in zip(*told, strict=True):
        assert name == other and one == pytest.approx(two, abs=1e-5)


def test_an_export_answers_every_pair(shared, params):
    """Of a batch whose size is a symbol, as exports are compiled."""
    inputs = shared.interface().inputs
    assert {"markers", "places", "pair_mask"} <= inputs.keys() <= shared.interface().fields.keys()
    skeleton, _ = split(shared.shapes())
    (size,) = jax.export.symbolic_shape("b")
    any_size = {name: jax.ShapeDtypeStruct((size, *x.shape), x.dtype) for name, x in inputs.items()}

    @jax.jit
    def answer(batch):
        return shared.answer(skeleton.model(params), batch, None, {})

    (shape,) = (one.shape for one in jax.export.export(answer)(any_size).out_avals)
    assert shape == (size, 8, len(shared.relations))
    data = shared.dataset("test")
    examples = [data[row] for row in range(len(data))]
    found = answer({name: np.stack([one[name] for one in examples]) for name in inputs})
    places = {name: np.stack([one[name] for one in examples]) for name in ("row", "pair_mask")}
    logits = by_pair(predicted(shared, params, data))["logits"]
    probabilities = by_pair({**found, **places})["probabilities"]
    np.testing.assert_allclose(probabilities, jax.nn.softmax(logits), atol=1e-5)
