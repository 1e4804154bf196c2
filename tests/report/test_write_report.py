"""Reports of runs: the files, what each system shows, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import fabricated
import pytest
from PIL import Image

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax import main
from remote_jax.report import finished, write
from remote_jax.report.intervals import of_scores
from remote_jax.report.systems import eega


@pytest.mark.parametrize("system", fabricated.SYSTEMS)
def test_the_command_writes_a_page_and_figures(
    system: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricated.SYSTEMS[system](tmp_path)
    assert main.main(["remote-jax", "report", str(tmp_path)]) == 0
    page = tmp_path / "report" / "report.html"
    assert str(page) in capsys.readouterr().out and page.stat().st_size < 15e6
    figures = sorted((tmp_path / "report" / "figures").iterdir())
    assert {path.suffix for path in figures} == {".png", ".pdf"}
    for path in figures:
        if path.suffix == ".png":
            Image.open(path).verify()
        else:
            assert path.read_bytes().startswith(b"%PDF")


def test_what_became_of_quintuples(tmp_path: Path) -> None:
    fabricated.eega(tmp_path)
    view = eega.view(finished.read(tmp_path))
    outcomes = next(column for column in view.browser.columns if column.name == "outcome")
    assert outcomes.values[:6] == ["right", "direction", "type", "relation", "span", "pair"]
    assert outcomes.values[6:] == ["missed"] * 4
    assert view.browser.right == [True] + [False] * 9


def test_entities_show_what_they_attend_to(tmp_path: Path) -> None:
    rows = fabricated.eega(tmp_path, name="cat")
    browser = eega.view(finished.read(tmp_path)).browser
    heads, _ = browser.weights
    assert heads.title == "Attention of the head to objects"
    assert heads.names == ["object 0", "object 1"]
    of_a = [row["head"]["start"] == 0 for row in rows[0]["quintuples"]]
    assert [values == [0.25, 0.75] for values in heads.values[:6]] == of_a
    assert browser.posts[0].lines[0] == "0: dog, 1: cat"
    assert browser.posts[0].lines[-1].startswith("No picture is shown: ")


def test_folded_scores_count_both_directions(tmp_path: Path) -> None:
    fabricated.eega(tmp_path)
    path = tmp_path / "results.json"
    results = json.loads(path.read_text())
    results["config"]["metric"] = "folded"
    # The turned one is right now: four of ten to be found, of twelve.
    results["metrics"]["test"] = {"precision": 4 / 12, "recall": 4 / 10, "f1": 8 / 22}
    path.write_text(json.dumps(results))
    run = finished.read(tmp_path)
    view = eega.view(run)
    assert of_scores(run.scores, view.measured).keys() == {"precision", "recall", "f1"}
    outcomes = next(column for column in view.browser.columns if column.name == "outcome")
    assert outcomes.values == [
        "right",
        "right",
        "type",
        "relation",
        "span",
        "pair",
        *["missed"] * 3,
    ]


def mistake(capsys: pytest.CaptureFixture[str], *flags: object) -> str:
    assert main.main(["remote-jax", "report", *map(str, flags)]) == 2
    return capsys.readouterr().err


def test_mistakes_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no finished run" in mistake(capsys, tmp_path / "none")
    run = tmp_path / "run"
    rows = fabricated.remote(run)
    assert "--output is for one run" in mistake(capsys, run, run, "--output=x")
    path = run / "predictions.jsonl"
    fabricated.write_lines(path, [{**row, "relation": row["predicted"]} for row in rows])
    assert "results.json says f1" in mistake(capsys, run)
    fabricated.write_lines(path, [rows[0], {"relation": "none"}])
    said = mistake(capsys, run)
    assert "predictions.jsonl:2 is not what a run of this version writes" in said
    path.write_text(json.dumps(rows[0]) + "\n[1]\n")
    assert "predictions.jsonl:2: no JSON object" in mistake(capsys, run)
    path.write_text("{\n")
    assert "predictions.jsonl:1" in mistake(capsys, run)
    path.unlink()
    assert "No such file" in mistake(capsys, run)


@pytest.mark.parametrize(
    ("system", "change"),
    [
        ("remote", {"probability": 2}),
        ("remote", {"probability": float("nan")}),
        ("remote", {"tokens": [{}]}),
        ("remote", {"image": {}}),
        ("remote", {"experts": [1]}),
        ("remote", {"boxes": 1}),
        ("eega", {"quintuples": [{"head": 1}]}),
        ("eega", {"entities": [{"start": 1e400}]}),
        ("roam", {"rank": 0}),
        ("roam", {"rank": float("nan")}),
        ("roam", {"head": "\ud800"}),
    ],
)
def test_a_prediction_that_no_run_writes_is_told(
    system: str, change: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = fabricated.SYSTEMS[system](tmp_path)
    fabricated.write_lines(tmp_path / "predictions.jsonl", [{**rows[0], **change}, *rows[1:]])
    assert "predictions.jsonl:1 is not what a run of this version writes" in mistake(
        capsys, tmp_path
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": {"system": "remote", "data": {"dir": 5}}}, "config.data.dir must be a text"),
        ({"config": {"system": "remote", "data": {"cache": []}}}, "config.data.cache must be"),
        ({"config": {"system": "remote", "data": {"sample": 1}}}, "config.data.sample must be"),
        ({"config": {"system": "remote", "data": 5}}, "config.data must be an object, found 5"),
        ({"config": {}}, "config.system must be a text, found None"),
        ({"config": []}, "config must be an object"),
        ({"metrics": {}}, "metrics must be scores by split"),
        ({"metrics": {"test": {"f1": "0.5"}}}, "metrics must be scores by split"),
        ({"peak_memory_bytes": {"host": 10**400}}, "peak_memory_bytes must be numbers by name"),
        ({"seconds": float("nan")}, "seconds must be a number, found nan"),
        ({"parameters": 1.5}, "parameters must be a whole number, found 1.5"),
        ({"code": None}, "code must be a text"),
    ],
)
def test_results_that_no_run_writes_are_told(
    change: dict, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricated.remote(tmp_path)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert f"results.json is not as a run writes it: {said}" in mistake(capsys, tmp_path)


@pytest.mark.parametrize("text", ["[" * 10**5, '{"entropy": 0}', '{"groups": []}'])
def test_a_routing_that_no_run_writes_is_told(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricated.roam(tmp_path)
    (tmp_path / "routing.json").write_text(text)
    assert "routing.json" in mistake(capsys, tmp_path)


def test_names_may_hold_separators_of_lines(tmp_path: Path) -> None:
    rows = fabricated.roam(tmp_path, name="a\u2028b\x85c")
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "predictions.jsonl").write_text(text)
    assert finished.read(tmp_path).rows == rows


def test_nothing_is_generated_for_a_report(tmp_path: Path) -> None:
    fabricated.remote(tmp_path / "run")
    path = tmp_path / "run" / "results.json"
    results = json.loads(path.read_text())
    sample = {"train": 10, "validation": 10, "test": 10, "seed": 0}
    results["config"]["data"] = {"dir": "", "cache": str(tmp_path / "cache"), "sample": sample}
    path.write_text(json.dumps(results))
    write.write(tmp_path / "run", tmp_path / "report")
    assert not (tmp_path / "cache").exists()


def test_sentences_without_a_quintuple_have_a_page(tmp_path: Path) -> None:
    fabricated.eega(tmp_path)
    path = tmp_path / "results.json"
    results = json.loads(path.read_text())
    results["metrics"]["test"] = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    path.write_text(json.dumps(results))
    row = {"image": "", "tokens": ["Ada"], "gold": [], "quintuples": []}
    fabricated.write_lines(tmp_path / "predictions.jsonl", [row, row])
    assert write.write(tmp_path, tmp_path / "report").exists()


def test_a_library_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from remote_jax.commands import report

    monkeypatch.setattr(report, "NEEDS", ("no_such_library",))
    assert "needs no_such_library: pip install -e '.[report]'" in mistake(capsys, tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricated.roam(tmp_path / "run")
    (tmp_path / "file").touch()
    assert "Cannot write" in mistake(capsys, tmp_path / "run", f"--output={tmp_path}/file")
    assert write.VIEWS.keys() == fabricated.SYSTEMS.keys()
