"""data.json: what is written is read again, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remote_jax.reporting.results import Table
from remote_jax.reporting.statistics import Distribution, Statistics, from_json

GOOD = Statistics(
    "some data",
    "abc",
    ["A note."],
    [Table("Counts", ["split", "rows", "share"], [["train", 3, 0.5], ["test", None, 1]])],
    [Distribution("relations", "Relations", "pairs", ["a", "b"], [2, 1])],
)


def written(folder: Path) -> dict[str, Any]:
    return json.loads(GOOD.write(folder / "new").read_text("utf-8"))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert from_json(written(tmp_path)) == GOOD


def test_the_terminal_shows_all_of_it() -> None:
    assert str(GOOD).splitlines() == [
        "some data",
        "",
        "Counts",
        "split  rows   share",
        "-----  ----  ------",
        "train  3     0.5000",
        "test              1",
        "",
        "A note.",
    ]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("data",), 3),
        (("data",), "\ud800"),
        (("notes",), "text"),
        (("notes", 0), None),
        (("tables",), {}),
        (("tables", 0), "table"),
        (("tables", 0, "title"), None),
        (("tables", 0, "rows", 0), ["too", "few"]),
        (("tables", 0, "rows", 0, 1), ["nested"]),
        (("tables", 0, "rows", 0, 2), float("nan")),
        (("distributions", 0, "name"), "../../escape"),
        (("distributions", 0, "name"), "a\n"),
        (("distributions", 0, "counts", 0), -1),
        (("distributions", 0, "counts", 0), 10**400),
        (("distributions", 0, "counts", 0), True),
        (("distributions", 0, "counts"), [1]),
        (("distributions", 0, "kinds"), []),
    ],
)
def test_what_is_no_data_json(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    content = written(tmp_path)
    *path, last = place
    target: Any = content
    for key in path:
        target = target[key]
    target[last] = value
    with pytest.raises(ValueError):
        from_json(content)


@pytest.mark.parametrize("content", [[], {}, {"data": ""}, None])
def test_other_json(content: Any) -> None:
    with pytest.raises(ValueError, match="must have data"):
        from_json(content)
