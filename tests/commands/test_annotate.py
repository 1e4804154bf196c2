"""What `remote-jax annotate` says and refuses before it serves."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from PIL import Image

from remote_jax import main

pytest.importorskip("fastapi", reason="of the extra `annotate`")
pytest.importorskip("uvicorn", reason="of the extra `annotate`")

from remote_jax.annotate.server import run
from remote_jax.commands import libraries


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Posts to label; the server ends as soon as it has started."""

    def serve(served, listening, started):
        started()
        listening.close()

    monkeypatch.setattr(run, "serve", serve)
    post = '{"id": "one", "tokens": ["Ann", "met", "Bob"], "entities": [[0, 1], [2, 3]]}\n'
    (tmp_path / "posts.jsonl").write_text(post)
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    return tmp_path


def command(folder: Path, *flags: str) -> int:
    return main.main(["remote-jax", "annotate", str(folder), "--port=0", *flags])


def test_a_second_start_has_the_same_people_and_addresses(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(folder, "--annotators=ben,ana", "--adjudicator=eva") == 0
    first = capsys.readouterr().out
    assert "Relations of UMRE are written" in first and "1 posts" in first
    assert command(folder) == 0
    second = capsys.readouterr().out
    tokens = [
        [line.partition("token=")[2] for line in text.splitlines() if "token=" in line]
        for text in (first, second)
    ]
    assert tokens[0] == tokens[1] and len(set(tokens[0])) == 3
    assert [line.split()[0] for line in second.splitlines()[1:4]] == [
        *("annotator", "annotator", "adjudicator")
    ]


def test_the_port_of_another_program_is_not_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert command(folder, "--annotators=ana", f"--port={port}") == 2
    assert "name another by --port" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ((), "Name who labels"),
        (("--annotators=../ana",), "letters, digits"),
        (("--annotators=ana", "--adjudicator=ana"), "cannot be adjudicator"),
        (("--annotators=ana", "--guidelines=none.md"), "cannot be shown"),
        (("--annotators=ana", "--suggestions=none"), "extract"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], why: str
) -> None:
    before = sorted(folder.iterdir())
    assert command(folder, *flags) == 2
    assert why in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_nothing_is_written_beside_posts_that_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (folder / "posts.jsonl").open("a") as file:
        file.write('{"id": "two", "tokens": ["Bob"], "entities": [[0, 9]]}\n')
    before = sorted(folder.iterdir())
    assert command(folder, "--annotators=ana", "--relations=more") == 2
    assert "posts.jsonl, line 2" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_relations_of_ones_own_are_not_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "relations.txt").write_text("knows\nmet\n")
    (folder / "types.txt").write_text("person\n")
    assert command(folder, "--annotators=ana", "--relations=more") == 2
    assert "leave out --relations" in capsys.readouterr().err
    assert command(folder, "--annotators=ana") == 0
    assert not (folder / "rel2id.json").exists()
    (folder / "rel2id.json").write_text('{"none": 0}')
    assert command(folder) == 2
    assert "several files for the relations" in capsys.readouterr().err


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(tmp_path / "nowhere", "--annotators=ana") == 2
    assert "There is no folder" in capsys.readouterr().err
    assert command(tmp_path, "--annotators=ana") == 2
    assert "There is no file of posts" in capsys.readouterr().err


def test_a_library_that_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries.importlib.util, "find_spec", lambda name: None)
    assert command(folder, "--annotators=ana") == 2
    said = capsys.readouterr().err
    assert "needs fastapi and markdown_it and uvicorn: pip install -e '.[annotate]'" in said
