"""REMOTE's task from raw files to answers, on a sample of a few posts."""

import json

import jax.numpy as jnp
import pytest
from flax import nnx
from ml_collections import ConfigDict
from tiny_remote import tiny

from configs import mnre, more, umre
from remote_jax import config as configs
from remote_jax.config.frozen import ENCODERS
from remote_jax.data import posts as lines
from remote_jax.data.media import PostFileMedia
from remote_jax.errors import UserError
from remote_jax.remote import picture
from remote_jax.remote.task import make_task
from remote_jax.reporting.results import write_json, write_rows
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.state import split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def task(cache, tmp_path_factory):
    made = make_task(tiny(cache))
    made.prepare(tmp_path_factory.mktemp("run"), anew=True)
    return made


@pytest.fixture(scope="module")
def outputs(task):
    skeleton, params = split(task.model(nnx.Rngs(0)))
    predict = make_predict(task, skeleton, MESH)
    chosen = task.calibrate(evaluate(predict, params, task.dataset("validation"), task.config))
    found = evaluate(predict, params, task.dataset("test"), task.config)
    return task.calibrated(found, chosen)


def test_the_whole_test_split_becomes_scores_tables_and_rows(task, outputs):
    labels = task.pairs.labels("test")
    scores = task.metrics("test", outputs)
    assert scores["accuracy"] == (outputs["label"][: len(labels)] == labels).mean()
    by_relation, by_type = task.tables("test", outputs)
    assert sum(row[-1] for row in by_relation.rows) == (labels > 0).sum()
    assert [row[0] for row in by_type.rows] == ["ee", "oo", "eo"]
    rows = list(task.rows("test", outputs))
    assert [row["relation"] for row in rows] == [task.relations[label] for label in labels]
    assert all(0 < row["probability"] <= 1 for row in rows)
    places = [f"{row['file']}:{row['line']}" for row in rows]
    assert task.places("test", [3, 0]) == [places[3], places[0]]


def test_only_the_encoders_learn_at_the_encoders_rate(task):
    _, params = split(task.model(nnx.Rngs(0)))
    new = {
        name.split("/")[0:2][-1] for name in params if not name.startswith(tuple(ENCODERS.values()))
    }
    assert {"fusion", "position"} <= new and not {"bert", "vit"} & new
    for encoder in ENCODERS.values():
        assert sum(name.startswith(encoder) for name in params) > 20


def test_predict_needs_no_data(task, cache, tmp_path):
    posts = tmp_path / "posts.jsonl"
    text = "Gatika Bamorel plays for Divafen Rovers"
    post = {"text": text, "entities": [[0, 14], [25, 39]]}
    posts.write_text(json.dumps(post) + "\n" + "{\n")
    alone = make_task(tiny(tmp_path / "no cache here"))
    alone.prepare(task.workdir, anew=False)
    skeleton, _ = split(alone.shapes())
    _, params = split(task.model(nnx.Rngs(0)))
    source = alone.posts([value for _, value in lines.read(posts)], PostFileMedia(posts))
    found = evaluate(make_predict(alone, skeleton, MESH), params, source.dataset, alone.config)
    surely = alone.calibrated(found, {"temperature": 1.0, "threshold": 0.0})
    good, bad = source.answers(surely)
    assert good.asked == 2 and good.relations
    assert all(one.relation in alone.relations for one in good.relations)
    assert bad.error and not good.error
    assert not (tmp_path / "no cache here").exists()


def test_a_run_is_drawn(task, outputs, tmp_path):
    configs.write(task.config, tmp_path)
    write_rows(tmp_path / "predictions.jsonl", task.rows("test", outputs))
    posts = list(picture.rows(task, tmp_path))
    post = picture.choose(iter(posts), "")
    assert {row[0].type for row in post} == {0, 1, 2}
    drawn = picture.draw(task.pairs.root, post)
    assert drawn.size[0] == picture.WIDTH
    assert len(drawn.getcolors(1_000_000)) > 100
    with pytest.raises(UserError, match="no post absent"):
        picture.choose(iter(posts), "absent.jpg")


def test_what_cannot_be_drawn_is_told(task, outputs, tmp_path, capsys):
    def says(output="drawn.png"):
        assert picture.main([f"--workdir={tmp_path}", f"--output={tmp_path / output}"]) == 2
        return capsys.readouterr().err

    assert "holds no finished run" in says()
    write_json(tmp_path / "results.json", {"dataset": task.fingerprint(), "tables": []})
    configs.write(task.config, tmp_path)
    assert "Cannot read " in says()
    write_rows(tmp_path / "predictions.jsonl", [{"relation": 1}])
    assert "predictions.jsonl:1 is not what the run wrote ('predicted')" in says()
    write_rows(tmp_path / "predictions.jsonl", task.rows("test", outputs))
    assert f"Cannot write {tmp_path / 'no' / 'drawn.png'}: No such file" in says("no/drawn.png")
    configs.write(ConfigDict({**task.config.to_dict(), "system": "roam"}), tmp_path)
    assert "is a run of roam; only posts of REMOTE are drawn" in says()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.mot", "sinkhron", "model.mot"),
        ("model.experts", "", "empty"),
        ("model.experts", "T,X", "'X'"),
        ("model.epsilon", 0.0, "epsilon"),
        ("features.depth", 3, "features.depth"),
    ],
)
def test_wrong_values_are_named(key, value, said, tmp_path):
    config = tiny(tmp_path).to_dict()
    *path, last = key.split(".")
    part = config
    for name in path:
        part = part[name]
    part[last] = value
    with pytest.raises(UserError, match=said):
        make_task(type(tiny(tmp_path))(config))


@pytest.mark.parametrize("part", ["text", "vision"])
def test_an_encoder_without_checkpoint_and_sizes_is_refused(part):
    config = umre.get_config("paper")
    config[part].pretrained = ""
    with pytest.raises(UserError, match=rf"no config\.{part}\.\w+: name a checkpoint"):
        make_task(config)


def test_each_benchmark_keeps_to_its_triplet_types():
    assert more.get_config().data.triplets == "eo"
    assert mnre.get_config().data.triplets == mnre.get_config("minilm").data.triplets == "ee"
    assert umre.get_config("paper").data.triplets == "ee,oo,eo"


def test_a_split_has_gauges_of_every_mechanism(task, outputs):
    skeleton, params = split(task.model(nnx.Rngs(0)))
    found = evaluate(make_predict(task, skeleton, MESH), params, task.dataset("test"), task.config)
    gauges = task.gauges("test", found)
    assert list(task.mechanisms) == ["transport", "router", "experts"]
    for modality, other in (("text", "T2V"), ("vision", "V2T")):
        assert 0.02 < gauges[f"transport/{modality}/moved"] < 1
        assert gauges[f"router/{other}"] == pytest.approx(0.5, abs=1e-5)  # model.own_weight
    assert task.collapsed(gauges) == []
    # Of what scores and predictions are made of, `text` and `vision` are weights of their routers.
    names = {"logits", "label", "probability", "temperature", "threshold", "text", "vision"}
    assert set(outputs) == names


def test_collapse_that_is_planted_is_said(task):
    skeleton, params = split(task.model(nnx.Rngs(0)))
    for name, value in params.items():
        if "fusion/alpha" in name:
            params[name] = jnp.full_like(value, 0.999)
        if name == "mmoe/text/router/kernel":  # the sum of the text's own features, which is not 0
            params["text/bert/blocks/0/mlp_norm/bias"] += 1.0
            params[name] = value.at[: value.shape[0] // value.shape[1], 0].set(1e3)
    found = evaluate(make_predict(task, skeleton, MESH), params, task.dataset("test"), task.config)
    said = task.collapsed(task.gauges("test", found))
    assert [sentence.split(" ", 5)[:5] for sentence in said] == [
        ["Transport", "moves", said[0].split()[2], "of", "the"],
        ["The", "router", "of", "text", "gives"],
        ["Transport", "moves", said[2].split()[2], "of", "the"],
    ]


def test_a_task_without_a_mechanism_has_the_parameters_and_the_data_of_the_whole(task):
    _, whole = split(task.model(nnx.Rngs(0)))
    other = task.without(["experts", "transport"])
    assert other.shapes().text.fusion.identity and not task.shapes().text.fusion.identity
    skeleton, shapes = split(other.shapes())
    assert {n: x.shape for n, x in shapes.items()} == {n: x.shape for n, x in whole.items()}
    found = evaluate(make_predict(other, skeleton, MESH), whole, other.dataset("test"), task.config)
    assert other.gauges("test", found) == {}
    with pytest.raises(UserError, match="'routers'"):
        task.without(["routers"])


def test_a_model_that_lacks_a_mechanism_cannot_lose_it(tmp_path):
    assert list(make_task(tiny(tmp_path, **{"model.mmoe": "off"})).mechanisms) == ["transport"]
    plain = make_task(tiny(tmp_path, **{"model.mot": "none", "model.experts": "T,V"}))
    assert plain.mechanisms == {}


def test_a_run_of_before_starts_fusion_and_router_as_it_did(tmp_path):
    old = tiny(tmp_path).to_dict()
    del old["model"]["alpha"], old["model"]["own_weight"], old["train"]["rates"]
    configs.write(ConfigDict(old), tmp_path)
    found = configs.read(tmp_path)
    assert (found.model.alpha, found.model.own_weight, found.train.rates) == (0.95, 0.0, "")
    make_task(found)
