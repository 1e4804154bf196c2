"""Files of questions: an answer a line, as one question alone has it, and nothing asked twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from extracted_posts import small, write

from remote_jax import main
from remote_jax.data.posts import Answer
from remote_jax.errors import Refused, UserError
from remote_jax.graph import build, questions, reading
from remote_jax.graph.answers import Question, ask
from remote_jax.graph.reading import KnowledgeGraph
from remote_jax.graph.settings import defaults
from remote_jax.roam.answers import Candidate, Candidates

GOOD: list[dict[str, Any]] = [
    {"entity": "Bamorel", "relation": "member_of", "id": "a"},
    {"entity": "E2", "relation": "/per/loc/place_of_birth", "top": 1, "id": 7},
    {"entity": "Sanora United", "relation": "member_of", "tail": True},
]
BAD = [
    ('{"entity": "nobody", "relation": "member_of", "id": 3}', "the graph has no entity 'nobody'."),
    ('{"entity": "E1", "relation": "likes"}', "the graph has no relation 'likes'."),
    ('{"entity": "E1"}', "'relation' must be text, found None."),
    ('{"entity": 3, "relation": "member_of"}', "'entity' must be text, found 3."),
    ('{"entity": "E1", "relation": "a", "top": 0}', "'top' must be from 1 to 10,000, found 0."),
    ('{"entity": "E1", "relation": "a", "top": NaN}', "'top' must be from 1 to 10,000, found nan."),
    ('{"entity": "E1", "relation": "a", "tail": 1}', "'tail' must be true or false, found 1."),
    ('{"entity": "E1", "relation": "a", "tpo": 1}', "(did you mean 'top'?)"),
    ('{"entity": "E1", "relation": "a", "id": [1]}', "'id' must be text or a whole number"),
    ("{", "neither JSON nor a Python literal"),
    ("[1]", "expected a dict"),
]


class Roam:
    """Answers by the question, and keeps the calls."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def predict(self, posts: Sequence[Any]) -> list[Answer]:
        self.calls.append(list(posts))
        return [
            Candidates(answers=(Candidate("Kelano (E4)", 1.0, len(one["relation"]) / 99, False),))
            for one in posts
        ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, settings = tmp_path_factory.mktemp("questions"), defaults()
    settings.graph.exports = ""
    build.build(build.Sources(write(made / "extracted", small())), made / "graph", settings)
    return made / "graph"


@pytest.fixture
def graph(folder: Path) -> KnowledgeGraph:
    return reading.read(folder)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_answers_are_those_of_one_question_alone(tmp_path: Path, graph: KnowledgeGraph) -> None:
    source, target, model = tmp_path / "q.jsonl", tmp_path / "a.jsonl", Roam()
    rows = [json.dumps(one) for one in GOOD]
    source.write_text("\n".join([rows[0], "", *(line for line, _ in BAD), *rows[1:]]))
    done = questions.answer_file(graph, model, source, target, {"model": "1"})
    assert (done.answers, done.errors) == (len(GOOD) + len(BAD), len(BAD))
    found = lines(target)
    assert [one["line"] for one in found] == [1, *range(3, 3 + len(BAD) + 2)]
    for one, (_, said) in zip(found[1:], BAD, strict=False):
        assert said in one["error"] and "answers" not in one
    for row, one in zip(GOOD, [found[0], *found[-2:]], strict=True):
        asked = Question(**{key: value for key, value in row.items() if key != "id"})
        assert one.pop("line") and one.pop("id", None) == row.get("id")
        assert one == ask(graph, asked, Roam()).to_dict()
    assert found[1]["id"] == 3 and [len(call) for call in model.calls] == [len(GOOD)]


def test_memory_is_of_a_block_and_nothing_is_asked_twice(
    tmp_path: Path, graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "BLOCK", 2)
    source, target, model = tmp_path / "q.jsonl", tmp_path / "a.jsonl", Roam()
    source.write_text("".join(json.dumps({**GOOD[n % 3], "id": n}) + "\n" for n in range(5)))

    class Killed(Roam):
        def predict(self, posts: Sequence[Any]) -> list[Answer]:
            if len(self.calls) == 1:
                raise KeyboardInterrupt
            return super().predict(posts)

    with pytest.raises(KeyboardInterrupt):
        questions.answer_file(graph, Killed(), source, target, {"model": "1"})
    assert not target.exists() and len(lines(tmp_path / "a.jsonl.partial")) == 2
    questions.answer_file(graph, model, source, target, {"model": "1"})
    assert [len(call) for call in model.calls] == [2, 1]
    assert [one["id"] for one in lines(target)] == [*range(5)]
    whole = tmp_path / "b.jsonl"
    questions.answer_file(graph, Roam(), source, whole, {"model": "1"})
    assert whole.read_bytes() == target.read_bytes()


def test_answers_of_another_model_are_not_gone_on_with(
    tmp_path: Path, graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "BLOCK", 1)
    source, target = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    source.write_text("".join(json.dumps(one) + "\n" for one in GOOD))

    def refuse(*_: object) -> None:
        raise Refused("x")

    with monkeypatch.context() as patch:
        patch.setattr(questions.PartialAnswers, "finish", refuse)
        with pytest.raises(Refused):
            questions.answer_file(graph, Roam(), source, target, {"model": "1"})
    model = Roam()
    questions.answer_file(graph, model, source, target, {"model": "2"})
    assert len(model.calls) == 3


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--questions=q.jsonl",), "Name a file for the answers"),
        (("--output=a.jsonl",), "Name an entity and a relation"),
        (("E1", "member_of", "--output=a.jsonl"), "--output is for the answers to --questions"),
        (("E1", "member_of", "--questions=q.jsonl", "--output=a.jsonl"), "leave them out"),
        (("--questions=q.jsonl", "--output=a.jsonl", "--top=3"), "leave them out"),
        (("--questions=nowhere", "--output=a.jsonl"), "nowhere is no file of questions"),
        (("--questions=empty", "--output=a.jsonl"), "empty is no file of questions"),
        (("--questions=q.jsonl", "--output=q.jsonl"), "would overwrite the questions"),
        (("--questions=q.jsonl", "--output=."), "is no plain file"),
    ],
)
def test_mistakes_on_the_command_line(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.jsonl").write_text(json.dumps(GOOD[0]))
    (tmp_path / "empty").write_text("\n")
    assert main.main(["remote-jax", "ask", str(folder), *flags]) == 2
    assert said in capsys.readouterr().err


def test_the_exit_code_tells_of_errors(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "q.jsonl", tmp_path / "a.jsonl"
    command = ["remote-jax", "ask", str(folder), f"--questions={source}", f"--output={target}"]
    source.write_text(json.dumps(GOOD[0]))
    assert main.main(command) == 0
    assert f"1 of 1 questions are answered in {target}" in capsys.readouterr().out
    source.write_text(f"{json.dumps(GOOD[0])}\n{BAD[0][0]}\n")
    assert main.main(command) == main.SOME_UNANSWERED == 3
    said = capsys.readouterr()
    assert "1 of 2 questions are answered" in said.out
    assert f"1 of 2 questions could not be answered (line 2 of {source})" in said.err


def test_a_run_of_another_graph_infers_nothing_here_either(
    tmp_path: Path, graph: KnowledgeGraph
) -> None:
    class Other(Roam):
        def predict(self, posts: Sequence[Any]) -> list[Answer]:
            return [Candidates(answers=(Candidate("Oslo", 1.0, 0.5, False),)) for _ in posts]

    source = tmp_path / "q.jsonl"
    source.write_text(json.dumps(GOOD[0]))
    questions.answer_file(graph, Other(), source, tmp_path / "a.jsonl", {})
    assert "train it on the roam folder of this graph" in (tmp_path / "a.jsonl").read_text()
    with pytest.raises(UserError, match="is no file of questions"):
        questions.answer_file(graph, Other(), tmp_path / "none", tmp_path / "a.jsonl", {})
