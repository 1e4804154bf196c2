"""A folder of extracted posts: gone on with where it stopped, each post in it once."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from small_posts import write

from remote_jax import main
from remote_jax.data.extracted import MANIFEST, ExtractedPost, read_extracted, read_manifest
from remote_jax.errors import Refused, UserError
from remote_jax.extract import run, shards
from remote_jax.extract.extractor import Extracted, Failed
from remote_jax.runtime import signals
from remote_jax.serve.partial_answers import SOME_UNANSWERED

POSTS = [{"id": f"p{number}", "text": f"text {number}"} for number in range(11)]


class Fake:
    """Extracts nothing but the text, and remembers of what."""

    model = "one"
    done: ClassVar[list[str]] = []

    def __init__(self, runs: Any) -> None:
        self.origin = {"remote: model": self.model}

    def extract(self, given: Iterable[Any]) -> Iterator[Extracted]:
        for rows, _, _ in given:
            posts, failed = [], []
            for row in rows:
                self.done.append(row.id)
                if isinstance(row.values, Refused):
                    failed.append(Failed(row.id, row.line, f"{row.values}."))
                else:
                    posts.append(ExtractedPost(row.id, row.values["text"]))
            yield Extracted(tuple(posts), tuple(failed))


@pytest.fixture(autouse=True)
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(run, "Extractor", Fake)
    monkeypatch.setattr(Fake, "done", [])
    return Fake.done


def extracted(path: Path, output: Path, size: int = 3) -> run.Totals:
    return run.extract([path], [Path("run")], output, size=size)


def contents(output: Path) -> dict[str, bytes]:
    return {
        name: (output / name).read_bytes()
        for name in sorted(os.listdir(output))
        if name != shards.LOCK
    }


def test_a_stop_costs_the_shard_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str], capsys: Any
) -> None:
    path = write(tmp_path / "in", [*POSTS, "{"])
    expected = contents(_whole(path, tmp_path / "whole"))
    own = shards.write_atomically
    for stop in range(1, 7):
        output, written = tmp_path / f"out-{stop}", []

        def killed(target: Path, lines: Any, stop: int = stop, written: list = written) -> None:
            if len(written) == stop - 1:
                (target.parent / f".{target.name}.0f").write_text('{"id"')
                raise KeyboardInterrupt
            written.append(target.name)
            own(target, lines)

        with monkeypatch.context() as patch:
            patch.setattr(shards, "write_atomically", killed)
            done.clear()
            try:
                extracted(path, output)
            except KeyboardInterrupt:
                assert not (output / "manifest.json").exists()
                with pytest.raises(UserError, match="has finished"):
                    list(read_extracted(output))
        finished = [name for name in written if name.startswith("part")]
        done.clear()
        extracted(path, output)
        assert len(done) == 12 - 3 * len(finished)
        assert contents(output) == expected
        done.clear()
        assert extracted(path, output) == run.Totals(11, 1) and not done  # finished


def _whole(path: Path, output: Path) -> Path:
    extracted(path, output)
    assert [one.id for one in read_extracted(output)] == [post["id"] for post in POSTS]
    return output


def test_sigterm_ends_after_a_whole_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str]
) -> None:
    path, own = write(tmp_path / "in", POSTS), shards.write

    def asked(folder: Path, number: int, *rest: Any) -> None:
        if number == 1:
            os.kill(os.getpid(), 15)
        own(folder, number, *rest)

    monkeypatch.setattr(shards, "write", asked)
    command = ["remote_jax", "extract", str(path), "--run=run", "--shard=3"]
    assert main.main([*command, f"--output={tmp_path / 'out'}"]) == signals.EXIT_CODE
    assert [shards.part(tmp_path / "out", number).exists() for number in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    monkeypatch.setattr(shards, "write", own)
    assert main.main([*command, f"--output={tmp_path / 'out'}"]) == 0
    assert len(list(read_extracted(tmp_path / "out"))) == len(POSTS)


@pytest.mark.parametrize("change", ["model", "posts", "size", "state"])
def test_what_comes_from_something_else_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: list[str], capsys: Any, change: str
) -> None:
    path, output, size = write(tmp_path / "in", [*POSTS, "{"]), tmp_path / "out", 3
    extracted(path, output)
    done.clear()
    manifest = (output / MANIFEST).read_bytes()
    if change == "model":
        monkeypatch.setattr(Fake, "model", "another")
    elif change == "posts":
        write(tmp_path / "in", POSTS[:4])
    elif change == "size":
        size = 5
    else:
        (output / shards.STATE).write_text("{")
    with pytest.raises(UserError, match="out is finished, and not of this command"):
        extracted(path, output, size)
    assert (output / MANIFEST).read_bytes() == manifest and not done
    (output / MANIFEST).unlink()  # as if it was stopped before its end
    extracted(path, output, size)
    said = capsys.readouterr().err
    assert f"{output} is begun anew" in said
    assert {"model": "remote: model", "size": "posts of a shard"}.get(change, change)[
        :5
    ] in said or (change == "state" and "damaged" in said)
    count = 4 if change == "posts" else 11
    assert len(list(read_extracted(output))) == count
    parts = sorted(path.name for path in output.glob("*-*.jsonl"))
    assert len([name for name in parts if name.startswith("part")]) == -(
        -(count + (count == 11)) // size
    )


def test_files_that_nobody_knows_of_stay(tmp_path: Path) -> None:
    path, output = write(tmp_path / "in", POSTS), tmp_path / "out"
    theirs = write(output, POSTS).rename(output / "part-00000.jsonl")
    with pytest.raises(UserError, match=r"has part-00000.jsonl, and no extraction.json"):
        extracted(path, output)
    with pytest.raises(UserError, match=r"part-00000.jsonl is in --output"):
        extracted(theirs, output)
    assert theirs.read_text().count("\n") == len(POSTS)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = write(tmp_path / "in", POSTS)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / shards.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="Another process extracts"):
            extracted(path, tmp_path / "out")


def test_the_command_says_how_many_failed(tmp_path: Path, capsys: Any) -> None:
    path = write(tmp_path / "in", [*POSTS, "{", "[]"])
    command = ["remote_jax", "extract", str(path), "--run=run", f"--output={tmp_path / 'out'}"]
    assert main.main(command) == SOME_UNANSWERED
    assert "11 of 13 posts are in" in capsys.readouterr().out
    manifest = read_manifest(tmp_path / "out")
    (shard,) = manifest["shards"]
    assert (shard["posts"], shard["failed"], shard["failed_file"]) == (11, 2, "failed-00000.jsonl")
    rows = [
        json.loads(line) for line in (tmp_path / "out/failed-00000.jsonl").read_text().splitlines()
    ]
    assert [(row["id"], row["file"], row["line"]) for row in rows] == [
        ("posts.jsonl:12", "posts.jsonl", 12),
        ("posts.jsonl:13", "posts.jsonl", 13),
    ]
    assert "neither JSON" in rows[0]["error"] and "is a list" in rows[1]["error"]
    assert manifest["inputs"][0]["posts"] == 13
