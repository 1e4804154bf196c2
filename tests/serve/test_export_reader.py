"""Exports that nobody vouches for: what a folder may not do to those who load it."""

from __future__ import annotations

import functools
import json
import os
import shutil

import numpy as np
import pytest
import toy
from safetensors.numpy import load_file, save_file
from systems import begin

import remote_jax
from remote_jax.commands.arguments import Arguments
from remote_jax.main import main, run


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
        *parts, name = key.split("__")
        functools.reduce(dict.__getitem__, parts, config)[name] = value
    path.write_text(json.dumps(config))


def test_the_export_as_it_is(folder):
    assert remote_jax.load(folder).predict([{"x": [0.0] * toy.FEATURES}])[0].error is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"system": "os.path"}, "Unknown system"),
        ({"system": "../../x"}, "Unknown system"),
        ({"system": ["toy"]}, "config.system must be"),
        ({"system": "nothing"}, "Unknown system"),
        ({"system": "."}, "Unknown system '.'; there are remote, eega and roam"),
        ({"data__pipeline": "/tmp/pipeline"}, "data.pipeline is '/tmp/pipeline'"),
        ({"data__pipeline": "./pipeline"}, "data.pipeline is './pipeline'"),
        ({"data__pipeline": "."}, "data.pipeline is '.'"),
        ({"data__pipeline": ".."}, "data.pipeline is '..'"),
        ({"data__pipeline": "tokenizer"}, "data.pipeline is 'tokenizer'"),
        ({"data__pipeline": ["en_core_web_sm"]}, "no export that this version reads"),
        ({"data__crop": 8192, "data__max_objects": 4000}, "a batch would take 32,"),
        ({"data__max_words": 2**20}, "a batch would take"),
        ({"data__max_tokens": 2**20}, "a batch would take"),
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


@pytest.mark.parametrize("mode", ["train", "eval", "predict", "export"])
def test_the_command_line_says_how_to_use_an_export(mode, folder, tmp_path, capsys):
    posts = tmp_path / "posts.jsonl"
    posts.write_text("")
    flags = toy.flags_of(mode, posts, tmp_path / "again")
    before = sorted(folder.iterdir())
    assert main(["remote-jax", f"--mode={mode}", f"--workdir={folder}", *flags]) == 2
    said = capsys.readouterr().err
    assert "is an export, not a run" in said
    assert f"remote_jax.load('{folder}').predict(posts)" in said
    with pytest.raises(remote_jax.UserError, match="is an export, not a run"):
        remote_jax.evaluate(folder, "test")
    assert sorted(folder.iterdir()) == before


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
        for content in (None, "pipe", b"", b"{}", b"[1]", b"\xff\xfe", b"9 9 9999999999"):
            folder = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("*vit*"))
            path = folder / name
            path.unlink()
            if content == "pipe":
                os.mkfifo(path)
            elif content is not None:
                path.write_bytes(content)
            assert refused(folder)  # a sentence, and no trace
            shutil.rmtree(folder)


SIZES = [
    ("remote", {"text__layers": 20_000}, "text.layers must be a whole number from 1 to 512"),
    ("remote", {"text__layers": 500}, "is of another model: it has no 500 blocks of text"),
    ("remote", {"vision__heads": 5000}, "vision.heads must be"),
    ("remote", {"model__iterations": 10**6}, "model.iterations must be"),
    ("remote", {"data__name": "evil"}, "data.name must be one of 'umre', 'more', 'mnre'"),
    ("remote", {"data__crop": 4096, "data__max_objects": 1000}, "a batch would take"),
    ("eega", {"data__name": "evil"}, "data.name must be one of 'jmere', 'jmere_mnre'"),
    ("eega", {"text__layers": 20_000}, "text.layers must be"),
    ("eega", {"data__max_words": 4096}, "a batch would take"),
    ("eega", {"model__heads": 10**6}, "model.heads must be"),
    ("eega", {"data__crop": 8192, "data__max_objects": 4000}, "data.max_objects must be"),
    ("roam", {"model__groups": 10**6}, "model.groups must be"),
    ("roam", {"model__router__iterations": 10**6}, "model.router.iterations must be"),
]


def test_sizes_and_names_of_strangers(exported, tmp_path):
    system, *_, out = exported
    kept = (out / "config.json").read_text()
    folder = shutil.copytree(out, tmp_path / "out", ignore=shutil.ignore_patterns("*vit*"))
    for kind, values, said in SIZES:
        if kind == system:
            (folder / "config.json").write_text(kept)
            change(folder, **values)
            assert said in refused(folder)


def test_what_probing_the_model_meets_is_a_sentence(folder, monkeypatch):
    def fail(*_):
        raise KeyError("evil")

    monkeypatch.setattr(toy.ToyTask, "posts", fail)
    assert "no export that this version reads ('evil')" in refused(folder)


def test_names_of_another_model(exported, tmp_path):
    system, *_, out = exported
    if system != "remote":
        return
    folder = shutil.copytree(out, tmp_path / "out")
    (folder / "relations.json").write_text(json.dumps(["none", "one"]))
    assert "is of another model" in refused(folder)
