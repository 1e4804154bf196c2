"""A file of questions in, a file of answers out, a block at a time.

    {"id": 7, "entity": "Gatika Bamorel", "relation": "member_of"}
    {"entity": "Divafen Rovers", "relation": "member_of", "tail": true, "top": 3}

What is left out is as in `answers.Question`. Each answer has the `line` of its question, and its
`id` if it has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from remote_jax.data.files import count_lines, read_lines, sha256
from remote_jax.data.jsonl import MAX_LINE, check_text, parse, show
from remote_jax.data.posts import Id, check_id, check_keys
from remote_jax.errors import Refused, UserError
from remote_jax.graph.answers import MAX_TOP, Predictor, Question, ask_many
from remote_jax.graph.build import ENTITIES, FACTS
from remote_jax.graph.reading import KnowledgeGraph
from remote_jax.reporting.progress import Progress, say
from remote_jax.reporting.results import code_version
from remote_jax.runtime import signals
from remote_jax.serve import partial_answers
from remote_jax.serve.partial_answers import Done, PartialAnswers

KEYS = ("entity", "relation", "tail", "top", "id")

BLOCK = 128
"""Questions that ROAM is asked at a time, and whose answers are written together."""

Read = tuple[int, Id, Question | Refused]
"""A question with its line and id; or why it is none."""


def question(row: Mapping[str, Any]) -> Question:
    """The question of a row.

    Raises:
        Refused: a key is unknown or missing, or its value is of another kind.
    """
    check_keys(row, KEYS, "a question")
    entity, relation = (check_text(row.get(key), repr(key)) for key in ("entity", "relation"))
    tail, top = row.get("tail", False), row.get("top", Question.top)
    if type(tail) is not bool:
        raise Refused(f"'tail' must be true or false, found {show(tail)}")
    if type(top) is not int or not 1 <= top <= MAX_TOP:
        raise Refused(f"'top' must be from 1 to {MAX_TOP:,}, found {show(top)}")
    return Question(entity, relation, tail, top)


def read(path: Path, *, after: int = 0) -> Iterator[Read]:
    """The questions of a file of JSON lines after a line.

    Raises:
        UserError: the file cannot be read.
    """
    for number, line in read_lines(path, MAX_LINE):
        if number <= after:
            continue
        id_: Id = None
        try:
            if isinstance(line, Refused):
                raise line
            row = parse(line)
            id_ = check_id(row.get("id"))
            yield number, id_, question(row)
        except Refused as error:
            yield number, id_, error


def answer_file(
    graph: KnowledgeGraph,
    predictor: Predictor | None,
    source: Path,
    target: Path,
    origin: Mapping[str, str],
) -> Done:
    """Writes the answers to a file of questions; goes on where the same call was stopped.

    Args:
        graph: as it was read from its folder.
        predictor: as that of `answers.ask`.
        source: JSON lines.
        target: of the answers; it appears when they are complete.
        origin: what tells the predictor from others.

    Raises:
        UserError: the questions cannot be read or the answers not written.
        Refused: the model is of another graph.
    """
    partial_answers.check_paths(source, target, "questions", "questions")
    if not source.is_file() or not (total := count_lines(source, MAX_LINE)):
        raise UserError(
            f"{source} is no file of questions: write one a line, as "
            '{"entity": "...", "relation": "..."}.'
        )
    assert graph.folder is not None
    files = {name: sha256(graph.folder / name) for name in (ENTITIES, FACTS)}
    origin = {**files, **origin, "questions": sha256(source), "code": code_version()}
    with partial_answers.opened(target, origin) as written:
        after = written.done.line
        if written.lost:
            say(f"{written.path} is begun anew ({written.lost}).")
        elif after:
            say(f"goes on after line {after} of {source}")
        progress = Progress("answering", "questions", total, start=written.done.answers)
        rest = read(source, after=after)
        try:
            while block := list(islice(rest, BLOCK)):
                _write(written, block, answer(graph, block, predictor))
                progress.update(written.done.answers, f"{written.done.errors:,} with an error")
            with signals.held():
                written.finish()
        finally:
            progress.close()
        return written.done


def _write(written: PartialAnswers, block: Sequence[Read], rows: Sequence[dict[str, Any]]) -> None:
    found = [{"line": line, **row} for (line, _, _), row in zip(block, rows, strict=True)]
    with signals.held():
        written.append(found, [row["line"] for row in found if "error" in row])


def answer(
    graph: KnowledgeGraph, block: Sequence[Read], predictor: Predictor | None
) -> list[dict[str, Any]]:
    """What is written of each question but its line: the answers or the error, and the id.

    Raises:
        Refused: the model is of another graph.
    """
    asked = [one for _, _, one in block if isinstance(one, Question)]
    found = iter(ask_many(graph, asked, predictor))
    rows: list[dict[str, Any]] = []
    for _, id_, one in block:
        reply = next(found) if isinstance(one, Question) else one
        said = {"error": f"{reply}."} if isinstance(reply, Refused) else reply.to_dict()
        rows.append(({} if id_ is None else {"id": id_}) | said)
    return rows
