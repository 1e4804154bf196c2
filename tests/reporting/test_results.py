"""Tables, results and predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from remote_jax.errors import UserError
from remote_jax.reporting.results import Table, read_results, write_results, write_rows


def test_table_is_aligned() -> None:
    rows = [("place_of_birth", 12, np.float32(0.5)), ("none", np.int64(3), 1.0)]
    assert str(Table("By relation", ("relation", "pairs", "F1"), rows)).splitlines() == [
        "By relation",
        "relation        pairs      F1",
        "--------------  -----  ------",
        "place_of_birth     12  0.5000",
        "none                3  1.0000",
    ]
    assert "a  b" in str(Table("Empty", ("a", "b"), []))
    with pytest.raises(ValueError, match="3 cells in a row of 2"):
        Table("Wrong", ("a", "b"), [(1, 2, 3)])


def test_results_read_back(tmp_path: Path) -> None:
    table = Table("T", ["a", "b"], [["x", 0.5]])
    write_results(
        tmp_path / "results.json",
        metrics={"test": {"f1": 0.5}},
        tables=[table],
        dataset={"name": "toy"},
        run={"seed": np.int64(3)},
    )
    results, tables = read_results(tmp_path / "results.json")
    assert tables == [table]
    assert results["metrics"]["test"]["f1"] == 0.5 and results["seed"] == 3
    assert results["dataset"] == {"name": "toy"} and results["code"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": [{"title": 1}]}'])
def test_results_that_are_not_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UserError, match=r"not the results\.json of a run"):
        read_results(tmp_path / "results.json")


def test_rows_are_counted(tmp_path: Path) -> None:
    assert write_rows(tmp_path / "a" / "rows.jsonl", iter([{"x": "ü"}, {"x": None}])) == 2
    lines = (tmp_path / "a" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"x": "ü"}, {"x": None}]


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_rows(path, [{"x": 1}])

    def rows() -> Iterator[dict[str, int]]:
        yield {"x": 2}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(path, rows())
    assert path.read_text() == '{"x": 1}\n'
    assert [found.name for found in tmp_path.iterdir()] == ["rows.jsonl"]


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write"):
        write_rows(tmp_path / "file" / "rows.jsonl", [])
