"""Exports of all three systems: what they answer without this package, and what else they hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import systems
import toy
import transformers
from flax.serialization import msgpack_restore
from flax.traverse_util import flatten_dict
from flax_classes import flax_class
from safetensors.numpy import load_file

from remote_jax import config as configs
from remote_jax.commands.arguments import Arguments
from remote_jax.encoders.tokenizer import MARKERS
from remote_jax.errors import UserError
from remote_jax.main import run
from remote_jax.runtime import sharding
from remote_jax.serve import export_writer
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.state import split

ALONE = Path(__file__).with_name("alone.py")


@pytest.fixture(scope="module")
def model(exported):
    """The model of the run, with its values."""
    _, task, workdir, _ = exported
    return restored(task, workdir)


def restored(task, workdir):
    skeleton, shapes = split(task.shapes())
    with Checkpoints(workdir, read_only=True) as checkpoints:
        params, _ = checkpoints.restore_best(shapes, sharding.make_mesh(task.config.mesh))
    return skeleton.model(params)


def probabilities(system, model, batch):
    """Of the model itself, not by way of what is exported."""
    if system == "remote":
        return jax.nn.softmax(model(batch) / systems.CALIBRATIONS[system]["temperature"])
    if system == "eega":
        return jax.nn.softmax(model(batch).logits)
    return jax.nn.softmax(model(batch["query"], model.all_candidates())[0])


def assert_as_predicted(system, predicted, answers):
    """`predict` has picked from, or rounded, what is answered."""
    found = answers["probabilities"]
    if system == "remote":
        np.testing.assert_array_equal(found.argmax(-1), predicted["logits"].argmax(-1))
    elif system == "eega":
        np.testing.assert_allclose(found, np.exp(predicted["tags"].astype(float)), atol=1e-3)
    else:
        best = -np.sort(-answers["scores"], axis=-1)[:, : predicted["scores"].shape[1]]
        np.testing.assert_allclose(best, predicted["scores"], rtol=1e-5, atol=1e-5)


def as_a_question(task, size):
    """What ROAM reads of questions beside a query: nothing is known, and nothing left out."""
    known = np.zeros((size, -(-len(task.graph.entities) // 8)), np.uint8)
    return {"known": known, "new": np.zeros(size, bool)}


def test_jax_and_numpy_alone_give_the_same(exported, model, tmp_path):
    system, task, _, out = exported
    sizes, batch = (1, 7), systems.batch(task, 7)
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    for size in sizes:
        np.savez(tmp_path / "in" / f"{size}.npz", **{k: x[:size] for k, x in batch.items()})
    command = [sys.executable, str(ALONE), str(tmp_path / "in"), str(tmp_path / "out")]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=out, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    @jax.jit
    def own(model, batch):
        asked = batch | as_a_question(task, 7) if system == "roam" else batch
        predicted = task.predict(model, asked, task.shared(model))
        return probabilities(system, model, batch), predicted

    expected, predicted = jax.device_get(own(model, batch))
    assert expected.std(-1).min() > 1e-5 and len(expected) == 7
    for size in sizes:
        with np.load(tmp_path / "out" / f"{size}.npz") as file:
            answers = dict(file)
        found = answers["probabilities"]
        np.testing.assert_allclose(found, expected[:size], atol=1e-5, rtol=0)
        assert_as_predicted(system, {k: x[:size] for k, x in predicted.items()}, answers)


def test_inputs_are_those_of_the_data(exported):
    _, task, _, out = exported
    example = task.dataset("test")[0]
    facts = json.loads((out / "interface.json").read_text())
    for one in facts["inputs"]:
        value = np.asarray(example[one["name"]])
        assert one["shape"] == ["batch", *value.shape] and one["dtype"] == value.dtype
        assert one["about"]
    assert facts["platforms"] == ["cpu", "cuda", "tpu"]
    names = {one["name"] for one in facts["inputs"]}
    assert not names & {"label", "row", "tags", "known", "target"}


def test_parameters_are_those_of_the_checkpoint(exported, model):
    *_, out = exported
    _, params = split(model)
    found = load_file(out / "model.safetensors")
    packed = flatten_dict(msgpack_restore((out / "flax_model.msgpack").read_bytes()), sep="/")
    assert found.keys() == packed.keys() == params.keys()
    for name, value in params.items():
        np.testing.assert_array_equal(found[name], value)
        np.testing.assert_array_equal(packed[name], value)


def test_what_is_told_of_it(exported):
    system, task, _, out = exported
    card = (out / "README.md").read_text()
    for path in out.iterdir():
        assert path.name == "README.md" or f"`{path.name}` | " in card
    assert "has not been read" in card and task.fingerprint()["sha256"] in card
    assert json.loads((out / "config.json").read_text())["system"] == system
    names = "tags.json" if system == "eega" else "relations.json"
    relations = json.loads((out / names).read_text())
    facts = json.loads((out / "interface.json").read_text())
    if system == "roam":
        assert f"plus {len(relations)} asks" in facts["inputs"][0]["about"]
        entities = json.loads((out / "entities.json").read_text())
        assert facts["outputs"][0]["shape"][-1] == len(entities)
        highest = [len(entities) - 1, 2 * len(relations) - 1]
        assert facts["inputs"][0]["ranges"] == [[0, one] for one in highest]
    else:
        assert facts["outputs"][0]["shape"][-1] == len(relations)
        tokenizer = transformers.BertTokenizerFast.from_pretrained(out / "tokenizer")
        assert set(MARKERS) <= set(tokenizer.get_vocab())


def test_transformers_reads_the_encoders(exported, model):
    system, _, _, out = exported
    if system != "remote":  # of EEGA the same code writes them
        assert all((out / part).exists() == (system == "eega") for part in ("bert", "vit"))
        return
    tokens = np.random.default_rng(0).integers(0, 500, (3, 9))
    mask = np.arange(9) < np.array([[9], [5], [7]])
    pixels = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype(np.float32)
    bert = flax_class("FlaxBertModel").from_pretrained(out / "bert")
    vit = flax_class("FlaxViTModel").from_pretrained(out / "vit")
    rows = len(model.text.bert.words.embedding[...])
    tokenizer = transformers.BertTokenizerFast.from_pretrained(out / "tokenizer")
    assert bert.config.vocab_size == rows >= len(tokenizer)

    @jax.jit
    def ours(model):
        return model.text.bert(tokens, mask, np.zeros_like(tokens)), model.vision.vit(pixels)

    texts, sights = ours(model)
    assert_same_levels(levels(bert, tokens, mask), texts, mask)
    found = levels(vit, pixels.transpose(0, 3, 1, 2))
    assert_same_levels(found, sights, np.ones((2, 2), bool))


def levels(model, *inputs):
    """`hidden_states` of a Flax class of transformers."""

    def run(params):
        return model(*inputs, params=params, output_hidden_states=True)["hidden_states"]

    return jax.jit(run)(model.params)


def assert_same_levels(theirs, ours, mask):
    assert len(theirs) == len(ours) == systems.SIZES["layers"] + 1
    for one, other in zip(theirs, ours, strict=True):
        np.testing.assert_allclose(one[mask], other[mask], atol=1e-4, rtol=0)


@pytest.fixture
def toy_run(tmp_path):
    toy.install()
    config = toy.get_config()
    systems.begin(config, tmp_path / "run")
    return config, tmp_path / "run"


def test_an_export_that_fails_leaves_nothing(toy_run, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(toy.ToyTask, "write_assets", fail)
    with pytest.raises(UserError, match="No space left"):
        run(Arguments("export", *toy_run, None, tmp_path / "out"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_in_use_is_left_alone(toy_run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        run(Arguments("export", *toy_run, None, tmp_path / "out"))
    with pytest.raises(UserError, match="not an empty folder"):
        export_writer.check_free(tmp_path / "out" / "mine.txt")
    (tmp_path / "out" / "mine.txt").unlink()
    run(Arguments("export", *toy_run, None, tmp_path / "out"))
    assert (tmp_path / "out" / "predict.stablehlo").is_file()


def test_the_folder_one_is_in_is_not_replaced(toy_run, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for target in (Path(), tmp_path / "here"):
        with pytest.raises(UserError, match="is the folder you are in"):
            run(Arguments("export", *toy_run, None, target))
    run(Arguments("export", *toy_run, None, Path("../there/.")))
    assert (tmp_path / "there" / "load.py").is_file()


@pytest.mark.parametrize("text", ['{"best_step": 1, "tables": []}', "[]", "3"])
def test_results_that_are_none_are_refused_in_a_sentence(toy_run, tmp_path, text):
    (toy_run[1] / "results.json").write_text(text)
    with pytest.raises(UserError, match=r"results\.json"):
        run(Arguments("export", *toy_run, None, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_results_of_another_checkpoint_are_not_told(toy_run, tmp_path):
    results = {"best_step": 3, "metrics": {}, "tables": []}
    (toy_run[1] / "results.json").write_text(json.dumps(results))
    with pytest.raises(UserError, match=r"is of step 3, but the best checkpoint is of step 1"):
        run(Arguments("export", *toy_run, None, tmp_path / "out"))


def test_before_the_first_checkpoint(tmp_path):
    toy.install()
    configs.write(toy.get_config(), tmp_path)
    with pytest.raises(UserError, match="no checkpoint yet"):
        run(Arguments("export", toy.get_config(), tmp_path, None, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
