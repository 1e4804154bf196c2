"""The task, end to end on a graph whose answers follow from its features and its structure."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from ml_collections import ConfigDict
from scipy.special import softmax
from small_graph import config, write_graph

import remote_jax
from remote_jax.commands.arguments import Arguments
from remote_jax.config import runs
from remote_jax.errors import UserError
from remote_jax.main import run
from remote_jax.reporting.calibration import expected_error
from remote_jax.roam.data import saved_graph, triples
from remote_jax.roam.task import make_task
from remote_jax.runtime import sharding
from remote_jax.training.evaluation import best_model
from remote_jax.training.state import Params


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ConfigDict, Path]:
    root = tmp_path_factory.mktemp("roam")
    (root / "data").mkdir()
    write_graph(root / "data")
    settings = config(root / "data", root / "cache")
    run(Arguments("train", settings, root / "run", None))
    return settings, root / "run"


def test_learns_what_images_show_and_what_structure_tells(
    trained: tuple[ConfigDict, Path],
) -> None:
    _, workdir = trained
    rows = [json.loads(line) for line in (workdir / "predictions.jsonl").read_text().splitlines()]
    tails = [row for row in rows if row["direction"] == "tail" and row["relation"] == "lives_in"]
    assert len(rows) == 14 and tails
    assert np.mean([1 / row["rank"] for row in tails]) > 0.9
    results = json.loads((workdir / "results.json").read_text())
    mrr = np.mean([1 / row["rank"] for row in rows])
    assert results["metrics"]["test"]["mrr"] == pytest.approx(mrr)
    assert results["dataset"]["features"].keys() == {"image"}


def test_a_model_knows_who_has_a_triple_to_learn_from(tmp_path: Path) -> None:
    write_graph(tmp_path)
    with (tmp_path / "valid.txt").open("a") as file:
        file.write("stranger\tlives_in\tcity_0\n")
    task = make_task(config(tmp_path, tmp_path / "cache"))
    (tmp_path / "run").mkdir()
    task.prepare(tmp_path / "run", anew=True)
    learnt = {name for h, _, t in named(task.graph) for name in (h, t)}
    expected = [name in learnt for name in task.graph.entities]
    assert expected[task.graph.entities.index("stranger")] is False
    seen = task.model(nnx.Rngs(0)).seen
    assert seen is not None
    np.testing.assert_array_equal(seen(), expected)


def test_a_run_keeps_how_its_files_were_read(
    trained: tuple[ConfigDict, Path], tmp_path: Path
) -> None:
    """A run that was begun before this was kept goes on: its fingerprint has none of it."""
    settings, workdir = trained
    results = json.loads((workdir / "results.json").read_text())
    assert results["dataset"]["reading"]["features"] == {"image": {"rows": "by name"}}
    shutil.copytree(workdir / "graph", tmp_path / "graph")
    facts = json.loads((tmp_path / "graph" / "facts.json").read_text())
    del facts["reading"]
    (tmp_path / "graph" / "facts.json").write_text(json.dumps(facts))
    task = make_task(settings)
    task.prepare(tmp_path, anew=False)
    before = {key: value for key, value in results["dataset"].items() if key != "reading"}
    assert task.fingerprint() == before


def test_a_run_of_before_there_were_these_keys_goes_on(tmp_path: Path) -> None:
    now = config(tmp_path, tmp_path)
    for system in ("roam", "remote"):
        stored = now.to_dict() | {"system": system}
        for key in ("columns", "holdout", "holdout_seed"):
            del stored["data"][key]
        (tmp_path / "config.json").write_text(json.dumps(stored))
        old = runs.read(tmp_path)
        if system == "roam":
            runs.check_same(now, old, tmp_path)
        else:
            assert "columns" not in old.data


def test_one_file_of_triples_is_split_for_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_graph(tmp_path)
    for name in ("valid.txt", "test.txt"):
        (tmp_path / name).unlink()
    task = make_task(config(tmp_path, tmp_path / "cache", **{"data.holdout": 0.1}))
    (tmp_path / "run").mkdir()
    task.prepare(tmp_path / "run", anew=True)
    assert "drawn from the training file" in capsys.readouterr().out
    again = make_task(config(tmp_path, tmp_path / "cache", **{"data.holdout": 0.1})).graph
    assert again.sha256 == task.graph.sha256
    np.testing.assert_array_equal(again.splits["test"], task.graph.splits["test"])


def test_places_are_queries(trained: tuple[ConfigDict, Path]) -> None:
    settings, workdir = trained
    for changes in ({}, {"model.negatives": 4}):
        changed = settings.copy_and_resolve_references().unlock()
        changed.update_from_flattened_dict(changes)
        task = make_task(changed.lock())
        task.prepare(workdir, anew=False)
        count = len(task.dataset("train"))
        places = task.places("train", range(count))
        asked = {
            *(f"({h}, {r}, ?)" for h, r, _ in named(task.graph)),
            *(f"(?, {r}, {t})" for _, r, t in named(task.graph)),
        }
        assert set(places) == asked and len(places) == count


def named(graph: triples.Graph) -> list[tuple[str, str, str]]:
    """The triples of training."""
    found = graph.splits["train"].tolist()
    return [(graph.entities[h], graph.relations[r], graph.entities[t]) for h, r, t in found]


def test_routing_is_reported(trained: tuple[ConfigDict, Path]) -> None:
    report = json.loads((trained[1] / "routing.json").read_text())
    assert sum(group["share"] for group in report["groups"]) == pytest.approx(1, abs=1e-4)
    assert report["groups"][0]["modalities"].keys() == {"structure", "image"}
    assert 0 <= report["entropy"] <= np.log(2)


def test_predict_answers_without_the_data(trained: tuple[ConfigDict, Path], tmp_path: Path) -> None:
    settings, workdir = trained
    questions = [
        {"id": "a", "head": "person_3", "relation": "lives_in", "top": 2},
        {"relation": "mate", "tail": "person_4"},
        {"head": "persn_5", "relation": "lives_in"},
    ]
    asked = tmp_path / "asked.jsonl"
    asked.write_text("".join(json.dumps(question) + "\n" for question in questions))
    moved = settings.copy_and_resolve_references().unlock()
    moved.data.dir, moved.data.cache = str(tmp_path / "gone"), str(tmp_path / "new")
    run(Arguments("predict", moved.lock(), workdir, (asked, tmp_path / "answers.jsonl")))
    first, second, third = map(json.loads, (tmp_path / "answers.jsonl").read_text().splitlines())
    assert first["id"] == "a" and len(first["answers"]) == 2
    scores = [answer["score"] for answer in second["answers"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 10
    assert "person_5" in third["error"]
    graph = saved_graph.read_graph(workdir / "graph")
    true = {
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for rows in graph.splits.values()
        for h, r, t in rows.tolist()
    }
    for answer in second["answers"]:
        assert answer["known"] == ((answer["name"], "mate", "person_4") in true)


def test_answers_are_those_of_all_scores(trained: tuple[ConfigDict, Path]) -> None:
    """A softmax over what no split knows, at the temperature of the run."""
    model = remote_jax.load(trained[1])
    graph, scores = saved_graph.read_graph(trained[1] / "graph"), all_scores(model)
    (temperature,) = model._calibration.values()
    facts = {tuple(x) for rows in graph.splits.values() for x in rows.tolist()}
    names, relations = graph.entities, len(graph.relations)
    city, lives = names.index("city_0"), graph.relations.index("lives_in")
    row = scores[city, lives + relations].astype(float)
    new = [e for e in np.argsort(-row, kind="stable") if (e, lives, city) not in facts]
    chances = softmax(row[new] / temperature)
    asked = remote_jax.Query(relation="lives_in", tail="city_0", top=100, known=False, routing=True)
    (found,) = model.predict([asked])
    assert [one.name for one in found.answers] == [names[e] for e in new]
    assert len(new) < len(names)
    np.testing.assert_allclose([x.score for x in found.answers], row[new], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose([x.probability for x in found.answers], chances, rtol=1e-3)
    assert sum(group.share for group in found.routing) == pytest.approx(1, abs=1e-5)
    assert found.routing[0].modalities.keys() == {"structure", "image"}


def test_results_say_how_far_to_trust_a_probability(trained: tuple[ConfigDict, Path]) -> None:
    """By brute force, of the first answer of each filtered ranking of the test split."""
    model = remote_jax.load(trained[1])
    graph, scores = saved_graph.read_graph(trained[1] / "graph"), all_scores(model)
    facts = {tuple(x) for rows in graph.splits.values() for x in rows.tolist()}
    metrics = json.loads((trained[1] / "results.json").read_text())["metrics"]["test"]
    assert metrics["temperature"] == model._calibration["temperature"]
    for name, temperature in (("ece", metrics["temperature"]), ("ece_as_trained", 1.0)):
        confidence, right = [], []
        for head, relation, tail in graph.splits["test"].tolist():
            for given, directed, target in (
                (head, relation, tail),
                (tail, relation + len(graph.relations), head),
            ):
                row = scores[given, directed].astype(float)
                for e in range(len(row)):
                    ends = (given, e) if directed == relation else (e, given)
                    if e != target and (ends[0], relation, ends[1]) in facts:
                        row[e] = -np.inf
                confidence.append(softmax(row / temperature).max())
                right.append(row[target] == row.max())
        expected = expected_error(np.array(confidence), np.array(right))
        assert metrics[name] == pytest.approx(expected, abs=1e-4)


def test_a_triple_has_the_ranks_of_the_evaluation(trained: tuple[ConfigDict, Path]) -> None:
    told = [json.loads(line) for line in (trained[1] / "predictions.jsonl").open()]
    tails, heads = told[: len(told) // 2], told[len(told) // 2 :]
    asked = [{part: one[part] for part in ("head", "relation", "tail")} for one in tails]
    for found, tail, head in zip(
        remote_jax.load(trained[1]).predict(asked), tails, heads, strict=True
    ):
        assert found.known
        assert (found.rank.tail, found.rank.head) == (tail["rank"], head["rank"])
        assert found.probability.tail == pytest.approx(tail["probability"], rel=1e-4)
        assert found.probability.head == pytest.approx(head["probability"], rel=1e-4)


def all_scores(model: remote_jax.Model) -> np.ndarray:
    """Of each entity and directed relation, and each entity as its answer."""
    task = model._task
    entities, relations = task._sizes.entities, task._sizes.relations
    queries = np.stack(np.meshgrid(range(entities), range(2 * relations), indexing="ij"), -1)
    skeleton, params, _ = best_model(task, task.graph_folder.parent, sharding.first_device())

    @jax.jit
    def scored(params: Params, asked: jax.Array) -> jax.Array:
        roam: Any = skeleton.model(params)
        return roam(asked, roam.all_candidates())[0]

    found = scored(params, jnp.asarray(queries.reshape(-1, 2)))
    return np.asarray(found).reshape(entities, 2 * relations, entities)


def test_eval_needs_no_features(trained: tuple[ConfigDict, Path], tmp_path: Path) -> None:
    settings, workdir = trained
    shutil.copytree(settings.data.dir, tmp_path / "data", ignore=shutil.ignore_patterns("image*"))
    assert not list((tmp_path / "data").glob("image*"))
    moved = settings.copy_and_resolve_references().unlock()
    moved.data.dir = str(tmp_path / "data")
    before = json.loads((workdir / "results.json").read_text())
    run(Arguments("eval", moved.lock(), workdir, None))
    after = json.loads((workdir / "results.json").read_text())
    assert after["metrics"] == before["metrics"] and after["dataset"] == before["dataset"]


def test_features_that_changed_are_refused(
    trained: tuple[ConfigDict, Path], tmp_path: Path
) -> None:
    settings, workdir = trained
    shutil.copytree(settings.data.dir, tmp_path / "data")
    with np.load(tmp_path / "data" / "image.npz") as file:
        np.savez(tmp_path / "data" / "image.npz", features=file["features"] + 1, ids=file["ids"])
    moved = settings.copy_and_resolve_references().unlock()
    moved.data.dir = str(tmp_path / "data")
    with pytest.raises(UserError, match=r"The data have changed .*in features"):
        run(Arguments("eval", moved.lock(), workdir, None))
