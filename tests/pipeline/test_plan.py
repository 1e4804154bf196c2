"""Which stations a config asks for, what they read and what they are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remote_jax import config as configs
from remote_jax import main
from remote_jax.errors import UserError
from remote_jax.pipeline.plan import plan
from remote_jax.pipeline.stations import run, start_process

WORK = Path("work")


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Files and runs that configs here name."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine/posts.jsonl", "posts.jsonl", "q.jsonl", "names.tsv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    for name in ("runs/mine", "one", "two"):
        Path(name).mkdir(parents=True)
        (Path(name) / "results.json").touch()


def _plan(**changes):
    config = configs.load_pipeline("sample")
    with config.unlocked():
        config.update_from_flattened_dict(changes)
    return {station.name: station for station in plan(config, WORK)}


def test_generated_posts_need_no_file_of_ones_own():
    found = _plan()
    assert list(found) == ["posts", "remote", "extract", "graph", "roam", "answer"]
    assert found["remote"].arguments == ("--config=umre:shared", "--workdir=work/remote")
    assert "--world=work/posts/world.json" in found["graph"].arguments
    assert f"--input={WORK / 'graph/implied.jsonl'}" in found["answer"].arguments


def test_each_station_reads_what_an_earlier_one_has_finished():
    finished = set()
    for station in _plan(prepare="--steps=entities").values():
        named = [path for path in station.inputs if path.is_relative_to(WORK)]
        assert all(any(path.is_relative_to(one) for one in finished) for path in named)
        finished.add(station.output)
        assert station.finished.is_relative_to(station.output)


def test_posts_of_ones_own_have_no_world():
    found = _plan(**{"posts": "mine/posts.jsonl", "remote.run": "runs/mine"})
    assert list(found) == ["extract", "graph", "roam"]
    assert found["extract"].arguments[:3] == ("extract", "mine/posts.jsonl", "--run=runs/mine")
    assert found["extract"].inputs == (Path("mine/posts.jsonl"), Path("runs/mine/results.json"))
    assert not any("--world" in one for one in found["graph"].arguments)


def test_both_systems_read_prepared_posts():
    changes = {"posts": "posts.jsonl", "prepare": "--steps=depth --encoder='a b'"}
    found = _plan(**changes, **{"remote.run": "one", "eega.run": "two", "roam.queries": "q.jsonl"})
    assert list(found) == ["prepare", "extract", "graph", "roam", "answer"]
    assert found["prepare"].arguments[-2:] == ("--steps=depth", "--encoder=a b")
    assert found["extract"].arguments[1:3] == ("work/prepared/posts.jsonl", "--run=one,two")
    assert "'--encoder=a b'" in found["prepare"].command


def test_files_that_flags_name_are_inputs():
    found = _plan(graph="--aliases=names.tsv --graph.exports=nt")
    assert Path("names.tsv") in found["graph"].inputs


@pytest.mark.parametrize(
    ("key", "value"),
    [("posts", "mine"), ("roam.queries", "none"), ("remote.run", "runs"), ("eega.run", "none")],
)
def test_what_is_not_there_is_told_at_once(key, value):
    with pytest.raises(UserError, match=rf"config.{key} is {value}, expected"):
        _plan(**{key: value})


def test_a_training_without_a_config_is_refused():
    with pytest.raises(UserError, match=r"roam.train names no config"):
        _plan(**{"roam.train": "--config.train.epochs=3"})


def test_a_graph_too_small_for_roam_is_told_with_what_it_has_and_what_to_do():
    graph = WORK / "graph"
    graph.mkdir(parents=True)
    summary = {"posts": 7, "entities": 3, "facts": 1, "facts_left_out": 2}
    (graph / "summary.json").write_text(json.dumps(summary | {"roam": {"written": False}}))
    roam = _plan()["roam"]
    with pytest.raises(UserError) as error:
        run([roam], WORK, start_process)
    for part in (
        "3 entities and 1 facts were found in 7 posts",
        "ROAM needs two facts that can be held out",
        "extract from more posts, or lower --graph.minimum_probability",
        "by which 2 facts are left out",
        "remote-jax ask work/graph ENTITY RELATION",
    ):
        assert part in str(error.value)
    (graph / "summary.json").write_text(json.dumps(summary | {"roam": {"written": True}}))
    assert roam.check() is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name a pipeline"),
        (("smaple",), "no pipeline smaple; did you mean|There is no pipeline smaple"),
        (("sample", "--config.sampel.posts=3"), "Unknown config key 'sampel.posts'"),
        (("sample", "--config.sample.posts=0"), "config.sample.posts must be a whole number"),
        (("sample", "--config.questions=q.jsonl"), "Unknown config key 'questions'"),
        (("sample", "--wrkdir=x"), "Unknown flag --wrkdir"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, said, capsys):
    assert main.main(["remote-jax", "pipeline", *arguments]) == 2
    error = capsys.readouterr().err
    assert any(one in error for one in said.split("|")), error


def test_help_has_every_key(capsys):
    assert main.main(["remote-jax", "pipeline", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Pipelines: sample." in shown
    for key in configs.flatten(configs.load_pipeline("sample")):
        assert f"--config.{key}\n" in shown
