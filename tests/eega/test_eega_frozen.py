"""Encoders of EEGA that are frozen: training reads what they made once, and is the same."""

import pickle
import re
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest
import runs
from flax import nnx
from ml_collections import ConfigDict
from PIL import Image, ImageOps
from tiny_eega import tiny

from remote_jax.data.files import find
from remote_jax.data.media import Folder
from remote_jax.eega import frozen
from remote_jax.eega.data.features import picture_key
from remote_jax.eega.task import EegaTask, make_task
from remote_jax.encoders.frozen import encode, vectors
from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.loop import train
from remote_jax.training.state import split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))
BOTH = {"train.frozen": "text/bert, vision/vit", "text.dropout": 0.1, "vision.dropout": 0.1}
SPLITS = ("train", "validation")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def prepared(cache, workdir, **changes):
    found = make_task(tiny(cache, **changes))
    workdir.mkdir(exist_ok=True)
    found.prepare(workdir, anew=True)
    return found


@pytest.fixture(scope="module")
def task(cache, tmp_path_factory):
    return prepared(cache, tmp_path_factory.mktemp("run"), **BOTH)


@pytest.fixture(scope="module")
def params(task):
    return split(task.model(nnx.Rngs(0)))[1]


@pytest.fixture(scope="module")
def encoded(task, params):
    return {name: task.encoded(name, params) for name in SPLITS}


def batch(data, rows):
    found = [data[row] for row in rows]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def test_loss_and_gradients_are_those_of_the_whole_model(task, params, encoded):
    """With dropout elsewhere, which draws the same; encoders have 0.1 in the config."""
    assert task.config.vision.dropout == task.config.text.dropout == 0.1
    skeleton, _ = split(task.shapes())

    @jax.jit
    def loss(params, batch):
        return jax.value_and_grad(lambda p: task.loss(skeleton.model(p), batch, nnx.Rngs(1))[0])(
            params
        )

    rows = range(6)
    read, made = batch(task.dataset("train"), rows), batch(encoded["train"], rows)
    assert "rgb" in read and "rgb" not in made
    assert made["word_vectors"].shape == (6, task.config.data.max_words, 32)
    assert made["object_vectors"].shape == (6, task.config.data.max_objects, 16)
    (one, of_one), (other, of_other) = loss(params, read), loss(params, made)
    assert float(one) == pytest.approx(float(other), abs=1e-5)
    trained = [name for name in params if not name.startswith(("text/bert", "vision/vit"))]
    assert any(np.abs(of_one[name]).max() > 1e-3 for name in trained)
    for name in trained:
        np.testing.assert_allclose(of_one[name], of_other[name], atol=1e-5, err_msg=name)


def test_predictions_are_those_of_the_whole_model(task, params, encoded):
    skeleton, _ = split(task.shapes())
    predict = make_predict(task, skeleton, MESH)
    read = evaluate(predict, params, task.dataset("validation"), task.config)
    made = evaluate(predict, params, encoded["validation"], task.config)
    assert read.keys() == made.keys()
    for name in read:
        ours, theirs = (np.asarray(one[name], np.float32) for one in (made, read))
        np.testing.assert_allclose(ours, theirs, atol=1e-2 if name == "tags" else 1e-4)


def test_vectors_of_a_picture_are_made_once(task, params, monkeypatch):
    """Posts that repeat a picture, or a sentence, have the same vectors."""
    examples = task.data.examples("train")
    twice = [*examples[:3], replace(examples[0], counted=False), *examples[1:3]]
    seen = []
    run = encode.encoded
    monkeypatch.setattr(
        encode, "encoded", lambda f, inputs, doing: seen.append(inputs) or run(f, inputs, doing)
    )
    featurize = task._featurize(Folder(task.data.root))
    made = encoders(task, params, featurize).made("twice", twice)
    words, objects = seen
    assert len(words.items) == len({one.sentence.tokens for one in examples[:3]})
    pictures = {picture_key(one): one for one in examples[:3]}
    assert len(objects.items) == sum(int(one.graph.mask.sum()) for one in pictures.values())
    assert len(made.objects) == len(objects.items)
    first, again = (featurize.reading(made).map(twice[place]) for place in (0, 3))
    np.testing.assert_array_equal(first["object_vectors"], again["object_vectors"])
    sent = pickle.loads(pickle.dumps(featurize.reading(made)))  # to a worker
    for name, value in sent.map(twice[0]).items():
        np.testing.assert_array_equal(value, first[name])


def encoders(task, params, featurize):
    return frozen.FrozenEncoders(task.config, task.shapes(), params, featurize, task.data.root)


def test_it_is_said_what_was_encoded_and_what_is_read(cache, task, params, encoded, capsys):
    task.encoded("train", params)
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" of train")[0] for line in said] == [
        "text/bert is frozen: the 8 sentences",
        f"vision/vit is frozen: the {objects(task)} objects",
    ]
    for part, line in zip(("text", "vision"), said, strict=True):
        assert f"are read from {cache}" in line and f"{part}.dropout=0.1 is not applied" in line
    moved = {name: value + 1 if "vit/cls" in name else value for name, value in params.items()}
    task.encoded("train", moved)
    words, seen = capsys.readouterr().err.splitlines()
    assert "are read from" in words and "were encoded in " in seen


def objects(task):
    pictures = {picture_key(one): one for one in task.data.examples("train")}
    return sum(int(one.graph.mask.sum()) for one in pictures.values())


def test_another_picture_is_encoded_anew(task, params, tmp_path):
    root = shutil.copytree(task.data.root, tmp_path / "data")
    examples = [one for one in task.data.examples("train") if one.graph.mask.any()][:2]
    changed = find(root, examples[0].sentence.image)

    def objects(**changes):
        featurize = task._featurize(Folder(root))
        config = ConfigDict({**task.config.to_dict(), **changes})
        parts = config, task.shapes(), params, featurize, root
        return frozen.FrozenEncoders(*parts).made("train", examples).objects

    before = objects()
    assert objects().path == before.path
    with Image.open(changed) as picture:
        ImageOps.invert(picture.convert("RGB")).save(changed)
    after, key = objects(), picture_key(examples[0])
    assert after.path != before.path
    assert np.abs(after.of(key) - before.of(key)).max() > 1e-3
    assert objects(data={**task.config.data, "crop": 8}).path != after.path
    changed.unlink()
    with pytest.raises(UserError, match=r"is not there any more; put it back, or start a new run"):
        objects()


def test_an_encoder_that_is_partly_trained_is_run(cache, tmp_path):
    found = prepared(
        cache, tmp_path, **{**BOTH, "train.frozen": "vision/vit/blocks,text/bert/words"}
    )
    assert found.encoded("train", {}) is None
    assert found.shapes().vision.vit.config.dropout == 0.1
    assert prepared(cache, tmp_path, **BOTH).shapes().vision.vit.config.dropout == 0


def test_without_pictures_nothing_of_them_is_read(cache, tmp_path):
    found = prepared(cache, tmp_path, **{**BOTH, "features.picture": False})
    example = found.encoded("train", split(found.model(nnx.Rngs(0)))[1])[0]
    assert "word_vectors" in example and "object_vectors" not in example


SHORT = {
    **BOTH,
    **{"model.graph": "none", "model.channels": "", "model.alignment.weight": 0.0},
    **{"train.epochs": 2.0, "train.batch_size": 4, "train.save_every": 2, "train.log_every": 1},
}


def trained(cache, workdir):
    """Parameters that are best on validation, and lines of the log without times."""
    found = prepared(cache, workdir, **SHORT)
    train(found, found.config, workdir)
    with Checkpoints(workdir, read_only=True) as checkpoints:
        best, _ = checkpoints.restore_best(split(found.shapes())[1], MESH)
    return best, runs.lines(workdir)


def test_training_is_the_same_with_and_without_what_is_kept(cache, tmp_path, monkeypatch, capsys):
    """And bit for bit where a run goes on, though what was kept is gone."""
    best, lines = trained(cache, tmp_path / "kept")

    class Stopped(Exception):
        pass

    def stop():
        raise Stopped

    with monkeypatch.context() as patch:
        runs.before_step(patch, 3, stop)
        with pytest.raises(Stopped):
            trained(cache, tmp_path / "stopped")
    shutil.rmtree(cache / vectors.FOLDER)
    capsys.readouterr()
    again, others = trained(cache, tmp_path / "stopped")
    assert re.search(r"goes on after step [123] of 4", capsys.readouterr().err)
    assert others == lines
    for name in best:
        np.testing.assert_array_equal(best[name], again[name], err_msg=name)

    monkeypatch.setattr(EegaTask, "encoded", lambda *_: None)
    plain, others = trained(cache, tmp_path / "plain")
    ours, theirs = ([line["loss"] for line in x if "loss" in line] for x in (lines, others))
    assert len(ours) == 4
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    for name in plain:
        np.testing.assert_allclose(best[name], plain[name], atol=1e-4, err_msg=name)
