"""`--mode=predict`: blocks, what is left when it is stopped, and how it goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toy

from remote_jax import main
from remote_jax.serve import answering, partial_answers
from remote_jax.serve.partial_answers import Done, PartialAnswers
from remote_jax.training.evaluation import Predictor

BLOCK = 64
COUNT = 2 * BLOCK + 41
BAD = {5: "nothing", 70: '{"x": [1]}', 71: '{"y": [1]}', 150: '{"x": [', 151: "[]", 152: "7"}
"""Lines that no post is on."""
BLANK = 21


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.install()
    monkeypatch.setattr(answering, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toy.install()
    workdir = tmp_path_factory.mktemp("answering") / "run"
    flags = (f"--config={toy.__file__}", f"--workdir={workdir}", "--config.train.epochs=1")
    assert main.main(["remote_jax", *flags]) == 0
    return workdir


def with_posts(folder: Path) -> Path:
    """A new folder with a file of posts."""
    folder.mkdir(exist_ok=True)
    lines = [
        BAD.get(line, json.dumps({"id": line, "x": [line % 7 - 3.0] * toy.FEATURES}))
        for line in range(1, COUNT + 1)
    ]
    lines[BLANK - 1] = ""
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_posts(tmp_path / "folder")


@pytest.fixture(scope="module")
def expected(run: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What is written without a disturbance, all posts being one block."""
    folder = with_posts(tmp_path_factory.mktemp("expected"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answering, "BLOCK", 1000)
        assert predict(run, folder) == main.SOME_UNANSWERED
    return answers(folder)


def predict(run: Path, folder: Path, *flags: str) -> int:
    paths = [f"--input={folder / 'posts.jsonl'}", f"--output={folder / 'answers.jsonl'}"]
    return main.main(["remote_jax", "--mode=predict", f"--workdir={run}", *paths, *flags])


def answers(folder: Path) -> bytes:
    """The answers; nothing but them is left."""
    assert sorted(os.listdir(folder)) == ["answers.jsonl", "posts.jsonl"]
    return (folder / "answers.jsonl").read_bytes()


@contextlib.contextmanager
def watched() -> Iterator[list[int]]:
    """How many posts were read together, each time."""
    sizes, own = [], toy.ToyTask.posts

    def posts(task: toy.ToyTask, given: Any, media: Any) -> Any:
        given = list(given)
        sizes.append(len(given))
        return own(task, given, media)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy.ToyTask, "posts", posts)
        yield sizes


def test_answers_come_in_blocks_from_one_program(
    run: Path,
    folder: Path,
    expected: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    programs, call = [], Predictor.__call__

    def counted(predictor: Predictor, dataset: Any, buckets: Any) -> Any:
        found = call(predictor, dataset, buckets)
        programs.append(len(predictor._predict.batch))
        return found

    monkeypatch.setattr(Predictor, "__call__", counted)
    with watched() as sizes:
        assert predict(run, folder) == main.SOME_UNANSWERED
    assert sizes == [BLOCK, BLOCK, COUNT - 1 - 2 * BLOCK]
    assert programs == [1, 1, 1]
    assert answers(folder) == expected
    rows = [json.loads(line) for line in expected.splitlines()]
    assert [row["line"] for row in rows] == [n for n in range(1, COUNT + 1) if n != BLANK]
    assert [row["line"] for row in rows if "error" in row] == list(BAD)
    assert all(row["id"] == row["line"] for row in rows if "error" not in row)
    said = capsys.readouterr()
    assert f"162 of 168 posts are answered in {folder / 'answers.jsonl'}\n" in said.out
    assert "6 of 168 posts could not be answered (lines 5, 70, 71, 150, 151, ... of " in said.err


def test_one_bad_post_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    partial_answers.tell(
        Done(answers=3, errors=1, wrong_lines=(2,)), Path("q.jsonl"), Path("a.jsonl")
    )
    assert "1 of 3 posts could not be answered (line 2 of q.jsonl)" in capsys.readouterr().err


def test_killed_at_any_moment_it_goes_on(run: Path, tmp_path: Path, expected: bytes) -> None:
    """A kill leaves the folder as it is before a write is on disk, or before a file is moved."""
    folder, moments = with_posts(tmp_path / "folder"), []
    sync, replace = os.fsync, Path.replace

    def keep() -> None:
        moments.append(Path(shutil.copytree(folder, tmp_path / f"moment{len(moments)}")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: (keep(), sync(file)))
        patch.setattr(Path, "replace", lambda path, to: (keep(), replace(path, to))[1])
        predict(run, folder)
    assert len(moments) == 3 * 3 + 1
    done = []
    for moment in moments:
        partial = moment / "answers.jsonl.partial"
        partial.write_bytes(partial.read_bytes() + b'{"line": 99, "cl')  # what a cut-off write is
        with watched() as sizes:
            assert predict(run, moment) == main.SOME_UNANSWERED
        done.append(COUNT - 1 - sum(sizes))
        for hidden in moment.glob(".answers*"):
            hidden.unlink()  # a move that was not made
        assert answers(moment) == expected
    assert done == [0] * 3 + [BLOCK] * 3 + [2 * BLOCK] * 3 + [COUNT - 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("place", ["append", "answer"])
def test_a_signal_leaves_what_is_answered(
    number: signal.Signals,
    place: str,
    run: Path,
    folder: Path,
    expected: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner, name = {
        "append": (PartialAnswers, "append"),
        "answer": (Predictor, "__call__"),
    }[place]
    calls, own = [], getattr(owner, name)

    def stopped(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), number)
        return own(*arguments)

    # A shell starts what it leaves in the background deaf to SIGINT.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, stopped)
            assert predict(run, folder) == (75 if number == signal.SIGTERM else 130)
    finally:
        signal.signal(signal.SIGINT, before)
    written = (1 + (place == "append" and number == signal.SIGTERM)) * BLOCK
    said = capsys.readouterr().err
    assert f"{written} answers are in {folder / 'answers.jsonl.partial'}" in said
    with watched() as sizes:
        assert predict(run, folder) == main.SOME_UNANSWERED
    assert f"goes on after line {written + 1} of " in capsys.readouterr().err
    assert sum(sizes) == COUNT - 1 - written
    assert answers(folder) == expected


@pytest.fixture
def begun(run: Path, folder: Path) -> Path:
    """Posts of which the first block is answered."""
    own = PartialAnswers.append

    def once(partial: PartialAnswers, *arguments: Any) -> None:
        if partial.done.answers:
            raise KeyboardInterrupt
        own(partial, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PartialAnswers, "append", once)
        assert predict(run, folder) == 130
    return folder


def edited(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("posts.jsonl", '"id": 60', '"id": 61', "other than then: posts"),
        ("answers.jsonl.partial", '"id": 60', '"id": 61', "answers.jsonl.partial was changed"),
        ("answers.jsonl.partial", '{"line": 1,', "", "answers.jsonl.partial was changed"),
        ("answers.jsonl.partial.json", '"model": "', '"model": "0', "other than then: model"),
        ("answers.jsonl.partial.json", '"code": "', '"code": "0', "other than then: code"),
        ("answers.jsonl.partial.json", '"config": "', '"config": "0', "other than then: config"),
        ("answers.jsonl.partial.json", '"files of the run": "', '"files": "', "files of the run"),
        ("answers.jsonl.partial.json", '"errors": 1', '"errors": -1', "json is damaged"),
        ("answers.jsonl.partial.json", '"size": ', '"size": 1', "partial was changed"),
        ("answers.jsonl.partial.json", '"origin": {', '"origin": [', "json is damaged"),
    ],
)
def test_answers_of_something_else_are_begun_anew(
    name: str,
    before: str,
    after: str,
    said: str,
    begun: Path,
    run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    edited(begun / name, before, after)
    with watched() as sizes:
        assert predict(run, begun) == main.SOME_UNANSWERED
    assert sum(sizes) == COUNT - 1
    told = capsys.readouterr().err
    assert "answers.jsonl.partial is begun anew (" in told and said in told
    assert len(answers(begun).splitlines()) == COUNT - 1


def test_two_do_not_write_one_file(
    run: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial = folder / "answers.jsonl.partial"
    with partial.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert predict(run, folder) == 2
    assert f"Another process writes {partial}: wait for it" in capsys.readouterr().err


def test_nothing_is_written_through_a_link_or_into_a_pipe(
    run: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    partial, other = folder / "answers.jsonl.partial", folder / "other"
    other.write_text("mine")
    partial.symlink_to(other)
    assert predict(run, folder) == 2
    assert f"Cannot write {partial}: " in capsys.readouterr().err
    partial.unlink()
    os.mkfifo(partial)
    assert predict(run, folder) == 2
    assert f"{partial} is no plain file: move it away" in capsys.readouterr().err
    assert other.read_text() == "mine"


def test_the_answers_are_not_the_posts(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whatever name, and before even the run is looked for."""
    monkeypatch.chdir(folder)
    posts = folder / "posts.jsonl"
    before = posts.read_bytes()
    (folder / "soft.jsonl").symlink_to("posts.jsonl")
    os.link(posts, folder / "hard.jsonl")
    os.link(posts, folder / "x.partial")
    os.link(posts, folder / "y.partial.json")
    names = ["posts.jsonl", "./posts.jsonl", "../folder/posts.jsonl", "soft.jsonl", "hard.jsonl"]
    for output in [*names, str(posts), "x", "y"]:
        for given in (posts, "soft.jsonl"):
            flags = (f"--input={given}", f"--output={output}", "--workdir=nowhere")
            assert main.main(["remote_jax", "--mode=predict", *flags]) == 2
            assert "--input and --output name one file" in capsys.readouterr().err
    for output in ("/dev/null", str(folder)):
        flags = ("--input=posts.jsonl", f"--output={output}", "--workdir=nowhere")
        assert main.main(["remote_jax", "--mode=predict", *flags]) == 2
        assert "is no plain file" in capsys.readouterr().err
    assert posts.read_bytes() == before


def test_what_is_read_of_a_state_is_checked() -> None:
    good = {"line": 1, "answers": 1, "errors": 0, "wrong_lines": [], "size": 9, "sha256": "0"}
    assert Done.read(good) == Done(1, 1, 0, (), 9, "0")
    wrong: list[Any] = [None, [], {}, {**good, "more": 1}, {**good, "line": True}]
    wrong += [{**good, "size": 1e9}, {**good, "size": 2**99}, {**good, "wrong_lines": ["1"]}]
    wrong += [{**good, "wrong_lines": [1] * (partial_answers.NAMED + 1)}, {**good, "sha256": 0}]
    assert [Done.read(value) for value in wrong] == [None] * len(wrong)
