"""`remote-jax data`: what it prints and writes, and mistakes on its command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax import main
from remote_jax.commands import data
from remote_jax.commands import report as report_command
from remote_jax.reporting import statistics

FACTS = {
    "train": ["ann lives_in oslo", "bob lives_in oslo", "ann knows bob"],
    "valid": ["bob knows ann"],
    "test": ["cy lives_in oslo"],
}


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    folder = tmp_path / "graph"
    folder.mkdir()
    for split, lines in FACTS.items():
        (folder / f"{split}.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


@pytest.fixture
def arguments(graph: Path) -> list[str]:
    """Of a graph of one's own, by its folder."""
    cache = graph.parent / "cache"
    return [f"--config.data.dir={graph}", f"--config.data.cache={cache}", "--config.data.name=tiny"]


def run(*arguments: str) -> int:
    return main.main(["remote-jax", "data", *arguments])


def test_tables_are_printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("mkg_y", *arguments) == 0
    shown = capsys.readouterr().out
    assert "Table 6 of ROAM" in shown and "\nlives_in  N-1" in shown
    assert "data.json" not in shown


def test_files_are_written(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="of the extra `report`")
    folder = tmp_path / "new" / "folder"
    # A value in a word of its own, and the config last.
    key, value = arguments[0].split("=")
    assert run(f"--output={folder}", "--config=mkg_y", *arguments[1:], key, value) == 0
    names = ["data-relations.pdf", "data-relations.png", "data.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    found = statistics.from_json(json.loads((folder / "data.json").read_text("utf-8")))
    shown = capsys.readouterr().out
    assert all(str(folder / name) in shown for name in names)
    assert str(found) in shown and found.data == "tiny"


def test_without_the_extra_there_are_no_charts(
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_command, "NEEDS", ("no_such_library",))
    assert run("mkg_y", *arguments, f"--output={tmp_path / 'out'}") == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["data.json"]
    assert "Charts need no_such_library: pip install" in capsys.readouterr().out


def test_a_run_has_its_statistics_in_its_folder(graph: Path, tmp_path: Path) -> None:
    config = configs.load("mkg_y")
    config.data.update({"dir": str(graph), "cache": str(tmp_path / "cache"), "name": "tiny"})
    configs.write(config, tmp_path / "run")
    assert run(f"--workdir={tmp_path / 'run'}") == 0
    found = json.loads((tmp_path / "run" / "data.json").read_text("utf-8"))
    assert found["tables"][0]["rows"][0][0] == "tiny"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name a config, as in `remote-jax data umre`, or a run by --workdir=RUN."),
        (["umre", "--workdir=x"], "Name a config"),
        (["umer"], "There is no config umer (did you mean 'umre'?)"),
        (["mnre"], "set --config.data.dir=FOLDER"),
        (["mkg_y", "more"], "Unexpected argument 'more'"),
        (["mkg_y", "--outptu=x"], "Unknown flag --outptu (did you mean 'output'?)"),
        (["mkg_y", "--config.data.dri=x"], "data.dri"),
        (["mkg_y", "--config.data.dir=/nowhere/at/all"], "/nowhere/at/all"),
        (["mkg_y", "--config.model.groups=0"], "model.groups"),
        (["--workdir=/nowhere/at/all"], "holds no run"),
    ],
)
def test_mistakes(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Statistics of data: `remote-jax data CONFIG") and "umre" in shown


@pytest.mark.parametrize("system", ["remote", "eega", "roam"])
def test_every_system_has_statistics(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a data set that is not there, which each asks for."""
    name = {"remote": "umre:paper", "eega": "jmere:paper", "roam": "mkg_y:paper"}[system]
    found: ConfigDict = configs.load(name)
    assert found.system == system
    with pytest.raises(data.UserError, match=r"config\.data\.dir=FOLDER"):
        data.statistics(found)
