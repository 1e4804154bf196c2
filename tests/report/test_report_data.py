"""The part of a report on data: statistics of the run, and what was left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fabricated
import pytest

pytest.importorskip("plotly", reason="of the extra `report`")

from remote_jax import main
from remote_jax.report import data, finished
from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Distribution, Statistics

MARKUP = fabricated.MARKUP
FOUND = Statistics(
    MARKUP,
    "abc",
    [MARKUP],
    [Table(MARKUP, (MARKUP, "pairs"), [(MARKUP, 12_345)])],
    [Distribution("relations", MARKUP, "pairs", [f"{MARKUP}{i}" for i in range(60)], [*range(60)])],
)


def with_dataset(folder: Path, dataset: Any) -> finished.Finished:
    fabricated.remote(folder)
    path = folder / "results.json"
    results = json.loads(path.read_text())
    path.write_text(json.dumps({**results, "dataset": dataset}))
    return finished.read(folder)


def test_a_run_without_statistics_names_the_command(tmp_path: Path) -> None:
    fabricated.remote(tmp_path)
    section = data.section(finished.read(tmp_path))
    assert section.notes == [
        f"Statistics of the data are not counted yet: remote-jax data --workdir={tmp_path}"
    ]
    assert not section.tables and not section.charts


def test_statistics_are_shown(tmp_path: Path) -> None:
    run = with_dataset(tmp_path, {"sha256": "abc"})
    FOUND.write(tmp_path)
    section = data.section(run)
    assert section.notes == [MARKUP] and section.tables[0].rows == [[MARKUP, 12_345]]
    (chart,) = section.charts
    assert chart.name == "data-relations" and len(chart.series[0].x) == 40
    assert main.main(["remote-jax", "report", str(tmp_path)]) == 0
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "<h2>Data</h2>" in page and "12345" in page and MARKUP not in page
    assert (tmp_path / "report" / "figures" / "data-relations.png").is_file()


@pytest.mark.parametrize("dataset", [{"sha256": "other"}, {}])
def test_statistics_of_other_data_are_told(tmp_path: Path, dataset: Any) -> None:
    run = with_dataset(tmp_path, dataset)
    FOUND.write(tmp_path)
    assert data.section(run).notes[0].startswith("These are statistics of other data")


@pytest.mark.parametrize("content", ["[]", "{}", "not json", '{"data": 3}', "[" * 10_000])
def test_a_file_that_is_no_statistics_is_told(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fabricated.remote(tmp_path)
    (tmp_path / "data.json").write_text(content)
    assert main.main(["remote-jax", "report", str(tmp_path)]) == 2
    assert str(tmp_path / "data.json") in capsys.readouterr().err


def test_what_pairs_lacked() -> None:
    train = {"rows": 990, "rejected": 10, "contradicting": 3, "unpictured": 0, "not_found": 1200}
    counts = {
        "test": {"rows": 5, "rejected": 1},
        "train": train,
        "cut": {"looked_at": 1000, "pairs": 94},
    }
    assert data.left_out({"dataset": {"counts": counts}}) == [
        "Rows left out as malformed: 10 of 1,000 in train, 1 of 6 in test.",
        "Rows with a name that is not what its span covers: 3 of 990 in train.",
        "Rows whose picture is not there: 1,200 of 990 in train.",
        "Texts that are cut: 94 of 1,000 training examples looked at.",
    ]


def test_what_sentences_lacked() -> None:
    counts = {"train": {"rows": 10, "rejected": 0, "sentences": 7, "missing": 2}}
    assert data.left_out({"dataset": {"counts": counts}}) == [
        "Sentences whose picture is not there: 2 of 7 in train."
    ]


def test_what_a_graph_lacked() -> None:
    dataset = {
        "entities": 5,
        "train": {"triples": 90, "duplicates": 4, "leaked": 0, "unseen": 0},
        "test": {"triples": 20, "duplicates": 0, "leaked": 6, "unseen": 3},
        "cleaned": {"published": 30, "left": 10, "drawn": 4},
    }
    assert data.left_out({"dataset": dataset}) == [
        "Triples that stand in their split before: 4 of 90 in train.",
        "Triples that stand in an earlier split: 6 of 20 in test.",
        "Triples with an entity that training lacks: 3 of 20 in test.",
        "Validation was cleaned: 10 of 30 triples are left, and 4 were drawn from training.",
    ]


@pytest.mark.parametrize(
    "dataset",
    [
        {},
        [],
        {"counts": []},
        {"counts": {"train": 3, "cut": 3}},
        {"counts": {"train": {"rejected": "many"}, "cut": {"pairs": None}}},
        {"train": [], "cleaned": [1]},
    ],
)
def test_other_runs_say_nothing(dataset: Any) -> None:
    assert data.left_out({"dataset": dataset}) == []


def test_the_summary_tells_it(tmp_path: Path) -> None:
    with_dataset(tmp_path, {"counts": {"train": {"rows": 9, "rejected": 1}}})
    assert main.main(["remote-jax", "report", str(tmp_path)]) == 0
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "<p>Rows left out as malformed: 1 of 10 in train.</p>" in page
