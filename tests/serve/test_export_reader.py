"""Exports that nobody vouches for: what a folder may not do to those who load it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import toy
from safetensors.numpy import load_file, save_file
from systems import begin

import remote_jax
from remote_jax.commands.arguments import Arguments
from remote_jax.main import run


@pytest.fixture(scope="module")
def toy_export(tmp_path_factory):
    toy.install()
    root = tmp_path_factory.mktemp("toy")
    begin(toy.get_config(), root / "run")
    run(Arguments("export", toy.get_config(), root / "run", None, root / "out"))
    return root / "out"


@pytest.fixture
def folder(toy_export, tmp_path):
    return shutil.copytree(toy_export, tmp_path / "out")


def refused(folder):
    """The sentence that loading ends in."""
    with pytest.raises(remote_jax.UserError) as caught:
        remote_jax.load(folder)
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said
    return said


def change(folder, **values):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for key, value in values.items():
        part, _, name = key.rpartition("__")
        (config[part] if part else config)[name] = value
    path.write_text(json.dumps(config))


def test_the_export_as_it_is(folder):
    assert remote_jax.load(folder).predict([{"x": [0.0] * toy.FEATURES}])[0].error is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"system": "os.path"}, "Unknown system"),
        ({"system": "../../x"}, "plain name"),
        ({"system": ["toy"]}, "plain name"),
        ({"system": "nothing"}, "Unknown system"),
        ({"data__pipeline": "/tmp/pipeline"}, "data.pipeline is '/tmp/pipeline'"),
        ({"data__pipeline": "./pipeline"}, "plain name"),
        ({"model__hidden": 10**12}, "model.hidden is 1000000000000"),
        ({"model__hidden": -(10**12)}, "model.hidden"),
        ({"model__hidden": "8"}, "no export that this version reads"),
        ({"model": 3}, "no export that this version reads"),
        ({"train": None}, "has no key 'train.epochs'"),
        ({"train__eval_batch_size": 0}, "train.eval_batch_size"),
        ({"a.b": 1}, "no export that this version reads"),
    ],
)
def test_configs_of_strangers(folder, values, said):
    change(folder, **values)
    assert said in refused(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "[" * 100_000, '{"a": ' * 50_000, "x" * (2**20 + 1)]
)
def test_configs_that_are_none(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json" in refused(folder)


def test_parameters_of_strangers(folder):
    path = folder / "model.safetensors"
    arrays = load_file(path)
    whole = path.read_bytes()
    save_file({**arrays, "more": np.zeros(3, np.float32)}, path)
    assert "more is [3], expected absent" in refused(folder)
    name = next(iter(arrays))
    save_file({**arrays, name: np.zeros((2, 2, 2), np.float32)}, path)
    assert f"{name} is [2, 2, 2], expected" in refused(folder)
    path.write_bytes(whole[:-5])
    assert "cut off" in refused(folder)
    path.unlink()
    assert "model.safetensors" in refused(folder)


def test_programs_of_strangers_are_not_run(folder):
    (folder / "predict.stablehlo").write_bytes(b"anything")
    (folder / "load.py").write_text("raise SystemExit('run')")
    assert remote_jax.load(folder).predict([{"x": [0.0] * toy.FEATURES}])[0].error is None


def test_neither_a_run_nor_an_export(tmp_path):
    assert "holds no run" in refused(tmp_path)
    assert "holds no run" in refused(tmp_path / "nowhere")


FILES = {
    "remote": ("tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json", "relations.json"),
    "eega": ("knowledge.json", "cooccurrence.npz"),
    "roam": ("graph/facts.json", "graph/entities.txt", "graph/relations.txt"),
}


def test_vocabularies_of_strangers(exported, tmp_path):
    system, *_, out = exported
    for name in FILES[system]:
        for content in (None, b"", b"{}", b"[1]", b"\xff\xfe", b"9 9 9999999999"):
            folder = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("*vit*"))
            path = folder / name
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            refused(folder)
            shutil.rmtree(folder)


def test_names_of_another_model(exported, tmp_path):
    system, *_, out = exported
    if system != "remote":
        return
    folder = shutil.copytree(out, tmp_path / "out")
    (folder / "relations.json").write_text(json.dumps(["none", "one"]))
    assert "is of another model" in refused(folder)
