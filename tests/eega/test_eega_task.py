"""EEGA's task from raw files to answers, on a sample of a few posts."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jmere_files import LABELS, jmere, mnre, pair, row
from ml_collections import ConfigDict
from parse_examples import made
from small_eega import PLAIN
from tiny_eega import tiny

from configs import jmere as configs
from remote_jax.config.frozen import ENCODERS
from remote_jax.data import posts as lines
from remote_jax.data.batches import pipeline
from remote_jax.data.media import PostFileMedia
from remote_jax.eega.data import parse_files
from remote_jax.eega.model.eega import Eega
from remote_jax.eega.tags import CERTAIN, encode
from remote_jax.eega.task import make_task
from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import evaluate, make_predict
from remote_jax.training.loop import make_step
from remote_jax.training.optimizer import make_optimizer
from remote_jax.training.state import TrainState, split

MESH = sharding.make_mesh(ConfigDict({"data": -1, "fsdp": 1, "tensor": 1}))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def task(cache, tmp_path_factory):
    found = make_task(tiny(cache))
    found.prepare(tmp_path_factory.mktemp("run"), anew=True)
    return found


@pytest.fixture(scope="module")
def outputs(task):
    skeleton, params = split(task.model(nnx.Rngs(0)))
    return evaluate(make_predict(task, skeleton, MESH), params, task.dataset("test"), task.config)


def perfect(task, split):
    """Outputs that say what is right, as far as a matrix of tags can."""
    labels, tags, words = task.data.labels(split), [], []
    numbers = np.arange(len(task.corpus.vocabulary.tags))
    for one, example in zip(labels, task.data.examples(split), strict=True):
        count, size = len(example.sentence.tokens), task.config.data.max_words
        matrix = np.zeros((size, size), int)
        matrix[:count, :count] = encode(one, count, task.corpus.vocabulary)
        tags.append(-CERTAIN * (matrix[..., None] != numbers))
        words.append(count)
    return {"tags": np.array(tags, np.float16), "words": np.array(words)}


def test_the_whole_test_split_becomes_scores_tables_and_rows(task, outputs):
    scores = task.metrics("test", outputs)
    assert set(scores) == {
        f"{prefix}{name}" for prefix in ("", "mner_") for name in ("precision", "recall", "f1")
    }
    relations, types, ways, said = task.tables("test", outputs)
    labels = task.data.labels("test")
    assert sum(line[-1] for line in relations.rows) == sum(len(x.quintuples) for x in labels)
    assert sum(line[-1] for line in types.rows) == sum(len(x.entities) for x in labels)
    assert [[line] for line in task.notices] == list(said.rows)
    # Each quintuple of the sample counts twice as folded.
    quintuples = sum(len(x.quintuples) for x in labels)
    assert [(line[0], line[-1]) for line in ways.rows] == [
        ("directed", quintuples),
        ("folded", 2 * quintuples),
    ]
    assert ways.rows[0][1:4] == tuple(scores[name] for name in ("precision", "recall", "f1"))
    rows = list(task.rows("test", outputs))
    assert [one["tokens"] for one in rows] == [
        list(example.sentence.tokens) for example in task.data.examples("test")
    ]
    places = [f"{one['file']}:{one['place']}" for one in rows]
    assert task.places("test", [3, 0]) == [places[3], places[0]]
    json.dumps(rows)


@pytest.mark.parametrize("protocol", ["directed", "folded"])
def test_right_tags_score_full_marks(task, cache, protocol):
    found = make_task(tiny(cache, metric=protocol))
    found.prepare(task.workdir, anew=False)
    assert set(found.metrics("test", perfect(found, "test")).values()) == {1.0}
    for line in found.tables("test", perfect(found, "test"))[:3]:
        assert all(one[1:4] == (1, 1, 1) for one in line.rows)


def test_rows_say_what_was_found_and_what_words_looked_at(task):
    said = perfect(task, "test")
    size, objects = task.config.data.max_words, task.config.data.max_objects
    said["attention"] = np.random.default_rng(0).random((6, size, objects))
    for index, one in enumerate(task.rows("test", said)):
        bare = [{**x, "probability": None} for x in one["quintuples"]]
        assert bare == [{**x, "probability": None} for x in one["gold"]]
        assert all(x["probability"] == 1 for x in one["quintuples"] + one["entities"])
        entity = one["entities"][0]
        assert entity["name"] == " ".join(one["tokens"][entity["start"] : entity["end"]])
        mean = said["attention"][index, entity["start"] : entity["end"]].mean(0)
        np.testing.assert_allclose(entity["attention"], mean[: len(one["objects"])], atol=1e-4)
        assert all(x["class"] != "unknown" and len(x["box"]) == 4 for x in one["objects"])


def test_predictions_of_the_model_are_those_of_its_logits(task, outputs):
    data = next(pipeline.eval_batches(task.dataset("test"), batch_size=4))
    logits = jax.jit(lambda model: model(data).logits)(task.model(nnx.Rngs(0)))
    expected = np.asarray(jax.nn.log_softmax(logits))
    rounding = 2.0**-11  # of half precision
    np.testing.assert_allclose(outputs["tags"][:4], expected, rtol=rounding, atol=1e-4)
    assert outputs["tags"].dtype == np.float16 and np.isfinite(outputs["tags"]).all()
    np.testing.assert_array_equal(
        outputs["words"], [len(one.sentence.tokens) for one in task.data.examples("test")]
    )


def test_tags_that_are_impossible_stay_finite(task):
    class Sure(Eega):
        def tag(self, encoded, batch, *, rngs=None):
            found = super().tag(encoded, batch, rngs=rngs)
            return found._replace(logits=found.logits.at[..., 0].set(1e6))

    model = task.model(nnx.Rngs(0))
    model.__class__ = Sure
    data = next(pipeline.eval_batches(task.dataset("test"), batch_size=4))
    assert np.isfinite(jax.jit(task.predict)(model, data, None)["tags"]).all()


def test_eight_sentences_are_learnt_by_heart(task):
    """The loss of what the sentences and pictures say goes to zero, and so they are found."""
    config = task.config.copy_and_resolve_references()
    config.model.alignment.update({"weight": 0.1, "steps": 2})
    config.model.dropout = 0.0
    config.train.update({"learning_rate": 8e-3, "new_learning_rate": 8e-3, "warmup": 0.05})
    steps = 80
    found = make_task(config)
    found.prepare(task.workdir, anew=False)
    skeleton, params = split(found.model(nnx.Rngs(0)))
    optimizer, _ = make_optimizer(config.train, steps)
    mesh = sharding.make_mesh(config.mesh)
    step = make_step(found, skeleton, optimizer, 0, mesh)
    state = TrainState(params, optimizer.init(params), jnp.zeros((), jnp.int32))
    batch = next(pipeline.eval_batches(found.dataset("train"), batch_size=8))
    for _ in range(steps):
        state, scalars = step(state, batch)
    assert scalars["tagging_loss"] < 0.01
    said = evaluate(
        make_predict(found, skeleton, MESH), state.params, found.dataset("train"), config
    )
    assert found.metrics("train", said)["f1"] == 1


def test_only_the_encoders_learn_at_the_encoders_rate(task):
    _, params = split(task.model(nnx.Rngs(0)))
    new = {
        "/".join(name.split("/")[:2])
        for name in params
        if not name.startswith(tuple(ENCODERS.values()))
    }
    assert {"text/graph", "vision/graph", "attention/query", "tagger/first"} <= new
    assert not {"text/bert", "vision/vit"} & new


def test_predict_needs_no_data(task, tmp_path):
    posts = tmp_path / "posts.jsonl"
    heads = {"heads": [0, 2, 0], "dependencies": ["ROOT", "cc", "conj"], "pos": ["PROPN"] * 3}
    posts.write_text(json.dumps({"tokens": ["Ann", "and", "Bob"], "parse": heads}) + "\n{\n")
    alone = make_task(tiny(tmp_path / "no cache here"))
    alone.prepare(task.workdir, anew=False)
    skeleton, _ = split(alone.shapes())
    _, params = split(task.model(nnx.Rngs(0)))
    source = alone.posts([value for _, value in lines.read(posts)], PostFileMedia(posts))
    found = evaluate(make_predict(alone, skeleton, MESH), params, source.dataset, alone.config)
    good, bad = source.answers(found)
    assert set(good.to_dict()) == {"entities", "quintuples"}
    assert bad.error and not good.error
    assert not (tmp_path / "no cache here").exists()


def test_shapes_are_those_of_the_model(task):
    for changes in ({}, PLAIN):
        config = task.config.copy_and_resolve_references()
        config.update_from_flattened_dict(changes)
        found = make_task(config)
        found.prepare(task.workdir, anew=False)
        sizes = [
            {name: value.shape for name, value in split(one)[1].items()}
            for one in (found.model(nnx.Rngs(0)), found.shapes())
        ]
        assert sizes[0] == sizes[1]


def test_the_models_of_a_task_without_mechanisms_have_the_same_parameters(task, outputs):
    with pytest.raises(UserError, match=r"no mechanism 'alignment'.*text_graph.*image.*channels"):
        task.without(["alignment"])
    bare, fresh = task.without(["image", "channels"]), nnx.Rngs(0)
    whole, *cut = (split(one)[1] for one in (task.model(fresh), bare.model(fresh), bare.shapes()))
    for params in cut:
        assert {n: x.shape for n, x in params.items()} == {n: x.shape for n, x in whole.items()}
    assert bare.shapes().blind and not task.shapes().blind
    assert {"channels/pos/words", "channels/moved"} <= set(task.gauges("test", outputs))


def test_sentences_without_pictures_need_no_vision(cache, tmp_path):
    rows = [pair(LABELS[0][0]["beg_ent"], LABELS[0][0]["sec_ent"], "/per/per/peer", image="b.png")]
    folder = mnre(tmp_path / "data", rows)
    changes = {"data.dir": str(folder), "data.name": "jmere_mnre"}
    with pytest.raises(UserError, match=r"No sentence of the train split .*features\.picture=fals"):
        make_task(tiny(cache, **changes)).prepare(tmp_path, anew=True)
    config = tiny(cache, **changes, **PLAIN)
    config.vision.pretrained = "no such folder"
    found = make_task(config)
    found.prepare(tmp_path, anew=True)
    assert not any(name.startswith("vision") for name in split(found.model(nnx.Rngs(0)))[1])
    assert "rgb" not in found.dataset("train")[0]


def test_a_bad_parse_costs_its_sentence(cache, tmp_path, capsys):
    folder = jmere(tmp_path / "data", [row(), row(), row()])
    for name in ("train", "val", "test"):
        parses = [made([0] * 8), made([1, 0, *[0] * 6]), made([0] * 8)]
        parse_files.write(folder / f"{name}.parses.npz", parses)
    changes = {"data.dir": str(folder), "data.max_rejected": 0.5}
    found = make_task(tiny(cache, **changes))
    found.prepare(tmp_path, anew=True)
    assert [one.sentence.place for one in found.data.examples("train")] == [1, 3]
    assert len(found.data.labels("train")) == len(found.dataset("train")) == 2
    told = Path(capsys.readouterr().out.split("see ")[1].splitlines()[0])
    lines = told.read_text().splitlines()
    assert len(lines) == 3 and json.loads(lines[0]) == {
        "file": "train.json",
        "place": 2,
        "reason": "the heads of word 0 go in a circle",
    }
    strict = make_task(tiny(cache, **changes | {"data.max_rejected": 0.1}))
    with pytest.raises(
        UserError, match=r"1 of 3 sentences have a malformed parse or picture.*is place 2"
    ):
        strict.prepare(tmp_path, anew=True)


def test_a_file_of_too_few_parses(cache, tmp_path):
    folder = jmere(tmp_path / "data", [row(), row()])
    parse_files.write(folder / "train.parses.npz", [made([0] * 8)])
    found = make_task(tiny(cache, **{"data.dir": str(folder)}))
    with pytest.raises(UserError, match=r"has 1 parses, but train\.json has at least 2 rows"):
        found.prepare(tmp_path, anew=True)


def test_labels_are_of_the_training_split_alone(cache, tmp_path):
    folder = jmere(tmp_path / "data", [row()])
    for name, label in (("train", "nsubj"), ("val", "obj"), ("test", "obl")):
        parse_files.write(folder / f"{name}.parses.npz", [made([0] * 8, dependencies=(label,) * 8)])
    found = make_task(tiny(cache, **{"data.dir": str(folder)}))
    found.prepare(tmp_path, anew=True)
    assert found.corpus.labels.dependencies == ("nsubj",)
    assert found.corpus.cooccurrence.sentences == 1


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.graph", "attention", "model.graph"),
        ("model.channels", "pos,lemma", "model.channels is 'pos,lemma'"),
        ("model.channels", "pos,pos", "model.channels is 'pos,pos'"),
        ("model.alignment.alpha", 1.5, "alpha"),
        ("model.alignment.weight", -1.0, "weight"),
        ("features.picture", 3, "features.picture"),
        ("metric", "f1", "metric"),
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


def test_an_encoder_without_checkpoint_and_sizes_is_refused():
    config = configs.get_config("paper")
    config.vision.pretrained = ""
    with pytest.raises(UserError, match=r"no config\.vision\.\w+: name a checkpoint"):
        make_task(config)
    config.features.picture = False
    make_task(config)  # then there is no such encoder


def test_each_preset_is_a_task():
    for preset in ("sample", "paper", "minilm", "graphs"):
        make_task(configs.get_config(preset))
    with pytest.raises(
        UserError, match="Unknown preset 'base'; known: sample, paper, minilm, graphs"
    ):
        configs.get_config("base")
