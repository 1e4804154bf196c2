"""`remote-jax graph` and `remote-jax ask`: what they print, and mistakes on their command lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from extracted_posts import small, write

from remote_jax import main


def run(*arguments: object) -> int:
    return main.main(["remote-jax", *map(str, arguments)])


@pytest.fixture
def extracted(tmp_path: Path) -> Path:
    return write(tmp_path / "extracted", small())


@pytest.fixture
def graph(extracted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run("graph", extracted, f"--output={tmp_path / 'graph'}") == 0
    assert "5 entities of 17 mentions and 1 of 2 objects in 8 posts" in capsys.readouterr().out
    return tmp_path / "graph"


def test_settings_are_flags(extracted: Path, tmp_path: Path) -> None:
    flags = ("--graph.minimum_probability=0.95", "--nograph.abbreviations", "--graph.exports=")
    assert run("graph", extracted, f"--output={tmp_path / 'graph'}", *flags) == 0
    summary = json.loads((tmp_path / "graph/summary.json").read_text())
    assert summary["settings"]["minimum_probability"] == 0.95
    assert summary["merges"]["abbreviation"] == 0 and summary["facts"] == 0
    assert not (tmp_path / "graph/graph.nt").exists()


def test_scores_against_a_world(
    extracted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tmp_path / "world.json"
    mentions = {"p1": [{"span": [0, 14], "entity": "W1"}]}
    world.write_text(json.dumps({"facts": [], "implied": [], "mentions": mentions}))
    output = tmp_path / "graph"
    assert run("graph", extracted, f"--output={output}", f"--world={world}") == 0
    assert "mentions, in sentences" in capsys.readouterr().out
    scores = json.loads((output / "scores.json").read_text())
    assert scores["entities"]["all"]["recall"] == 1
    assert scores["entities"]["all"]["precision"] == pytest.approx(1 / 7 / 18)
    assert run("graph", extracted, f"--output={output}") == 0
    assert not (output / "scores.json").exists()


def test_a_graph_too_small_for_roam_answers_what_posts_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a training in its folder was tried, and ended before it began."""
    extracted, graph = write(tmp_path / "few", small()[:2]), tmp_path / "graph"
    reason = "the graph is too small for ROAM: 2 entities and 1 facts were found in 2 posts"
    assert run("graph", extracted, f"--output={graph}") == 0
    assert f"roam/ is not written: {reason}" in capsys.readouterr().out
    (graph / "roam-run").mkdir()
    (graph / "roam-run/train.lock").touch()
    assert run("ask", graph, "Bamorel", "member_of") == 0
    said = capsys.readouterr().out
    assert "1. SANORA UNITED (E2) 0.980 stated by 2 posts" in " ".join(said.split())
    assert f"inferred: none, {reason}" in said and "To do: extract from more posts" in said
    flags = ("--graph.minimum_probability=1", f"--output={graph}")
    assert run("graph", extracted, *flags) == 0 and run("ask", graph, "Bamorel", "member_of") == 2
    error = capsys.readouterr().err
    assert "the graph has no facts" in error and "by which 1 facts are left out" in error


def test_a_folder_without_a_run_is_no_run(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (graph / "roam-run").mkdir()
    assert run("ask", graph, "Gatika Bamorel", "place_of_birth") == 0
    assert "inferred: none, no trained run of ROAM was given" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--output=x",), "Name the folder of extracted posts"),
        (("FOLDER",), "Name a folder for the graph by --output=GRAPH"),
        (("FOLDER", "--output=x", "--graph.similarty=1"), "did you mean 'graph.similarity'"),
        (("FOLDER", "--output=x", "--graph.minimum_posts=0"), "a whole number at least 1"),
        (("FOLDER", "--output=x", "--alias=a"), "Unknown flag --alias (did you mean 'aliases'?)"),
        (("FOLDER", "more", "--output=x"), "Unexpected argument 'more'"),
        (("nowhere", "--output=x"), "nowhere has no manifest.json"),
    ],
)
def test_mistakes_in_making_a_graph(
    extracted: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(extracted.parent)
    assert run("graph", *(one.replace("FOLDER", "extracted") for one in arguments)) == 2
    assert said in capsys.readouterr().err


def test_answers_are_printed(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", graph, "Gatika Bamorel", "place_of_birth") == 0
    assert capsys.readouterr().out.splitlines() == [
        "Gatika Bamorel (E1) /per/loc/place_of_birth ?",
        "1. Kelano (E4) 0.900 stated by 1 post, 2026-03-02",
        "     contradicted by Radipo",
        "     0.900 p4, 2026-03-02: Gatika Bamorel Kelano",
        "2. Radipo (E5) 0.600 stated by 1 post",
        "     contradicted by Kelano",
        "     0.600 p5: G. Bamorel Radipo",
        "inferred: none, no trained run of ROAM was given",
    ]


def test_answers_are_printed_as_json(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ask", graph, "Sanora United", "member_of", "--tail", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tail"]["id"] == "E3"
    assert [one["id"] for one in found["answers"]] == ["E1", "E2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("GRAPH", "Nobody", "member_of"), "has no entity 'Nobody'"),
        (("GRAPH", "E1", "likes"), "has no relation 'likes'"),
        (("GRAPH", "E1", "member_of", "--run=nowhere"), "nowhere"),
        (("GRAPH", "E1", "member_of", "--top=0"), "--top must be from 1 to 10,000"),
        (("nowhere", "E1", "member_of"), "has no summary.json"),
    ],
)
def test_mistakes_in_asking(
    graph: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run("ask", *(one.replace("GRAPH", str(graph)) for one in arguments)) == 2
    assert said in capsys.readouterr().err
