"""Asks a graph: `remote-jax ask GRAPH ENTITY RELATION [--tail] [--run=RUN]`.

    remote-jax ask GRAPH "Gatika Bamorel" member_of
    remote-jax ask GRAPH "Divafen Rovers" member_of --tail
    remote-jax ask GRAPH "Gatika Bamorel" member_of --run=runs/graph --json
    remote-jax ask GRAPH --questions=questions.jsonl --output=answers.jsonl

prints what posts state, each answer with its probability and those posts. With a run of ROAM that
was trained on GRAPH/roam (--run, or GRAPH/roam-run where it is there), also what it infers, and the
facts that lead there. --tail asks for heads: the entity is the tail.

--questions is a file of JSON lines, {"entity", "relation", "tail", "top", "id"}; all but the first
two may be left out. --output gets an answer a line, as of --json. Where some have an error instead,
the exit code is 3. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from remote_jax.errors import Refused, UserError
from remote_jax.graph import questions, reading
from remote_jax.graph.answers import MAX_TOP, Answers, Candidate, Link, Question, ask
from remote_jax.graph.names import clean
from remote_jax.graph.reading import KnowledgeGraph
from remote_jax.reporting.progress import working
from remote_jax.runtime import signals
from remote_jax.serve.partial_answers import SOME_UNANSWERED, tell

if TYPE_CHECKING:
    from remote_jax.serve.model import Model

SHOWN_POSTS = 3
TOP = 5


def main(argv: Sequence[str]) -> int:
    """Answers the question of the command line, or those of a file; returns the exit code.

    Raises:
        UserError: there is no such graph, entity, relation, run or file.
    """
    parser = argparse.ArgumentParser(
        "remote-jax ask", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("graph", metavar="GRAPH", type=Path, help="folder of `remote-jax graph`")
    parser.add_argument("entity", metavar="ENTITY", nargs="?", help="an id, a name or an alias")
    parser.add_argument("relation", metavar="RELATION", nargs="?", help="full name, or last part")
    parser.add_argument("--tail", action="store_true", help="the entity is the tail")
    parser.add_argument("--run", type=Path, help="run of ROAM; GRAPH/roam-run if it is there")
    parser.add_argument("--top", type=int, help=f"inferred answers, at most; {TOP} if left out")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--questions", type=Path, help="file of questions, JSON lines")
    parser.add_argument("--output", type=Path, help="file for their answers")
    options = parser.parse_args(list(argv))
    _check(options)
    try:
        graph = reading.read(options.graph)
        model = _model(reading.run_of(graph, options.run))
        if options.questions is not None:
            return _answer_file(graph, model, options.questions, options.output)
        asked = (options.entity, options.relation, options.tail, options.top or TOP)
        _print(ask(graph, Question(*asked), model), options.json)
    except Refused as error:
        raise UserError(f"{options.graph}: {error}.") from error
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raises a UserError unless there is one question, or a file of them and one for answers."""
    if options.questions is None:
        if options.relation is None:
            raise UserError(
                "Name an entity and a relation, or a file of questions by --questions=FILE."
            )
        if options.output is not None:
            raise UserError("--output is for the answers to --questions.")
        if options.top is not None and not 1 <= options.top <= MAX_TOP:
            raise UserError(f"--top must be from 1 to {MAX_TOP:,}, found {options.top}.")
        return
    if options.output is None:
        raise UserError("Name a file for the answers by --output=FILE.")
    if options.entity is not None or options.tail or options.top is not None or options.json:
        raise UserError(
            "With --questions, entity, relation, tail and top are in the file, and answers are "
            "JSON: leave them out of the command line."
        )


def _model(run: Path | None) -> Model | None:
    """The model of a run.

    Raises:
        UserError: there is none, or it is not of ROAM.
    """
    if run is None:
        return None
    with working("loading the run of ROAM"):
        from remote_jax.serve.model import load

        model = load(run)
    if model.system != "roam":
        raise UserError(f"{run} is a run of {model.system}, expected one of roam.")
    return model


def _answer_file(graph: KnowledgeGraph, model: Model | None, source: Path, target: Path) -> int:
    origin = {"model": "" if model is None else str(model.checksum)}
    with signals.listening():
        done = questions.answer_file(graph, model, source, target, origin)
    tell(done, source, target, "questions")
    return SOME_UNANSWERED if done.errors else 0


def _print(found: Answers, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(found)))


def _lines(found: Answers) -> Iterator[str]:
    entity = f"{found.entity.name} ({found.entity.id})"
    asked = ("?", entity) if found.tail else (entity, "?")
    yield clean(f"{asked[0]} {found.relation} {asked[1]}")
    if not any(one.stated for one in found.answers):
        yield "no post states an answer"
    for place, one in enumerate(found.answers, start=1):
        yield clean(f"{place}. {one.name} ({one.id})  {one.probability:.3f}  {_how(one)}")
        yield from (f"     {clean(line)}" for line in _why(one))
    if found.note:
        yield f"inferred: none, {clean(found.note)}"


def _how(one: Candidate) -> str:
    if not one.stated:
        return "inferred"
    posts = f"{one.support:,} post{'s' * (one.support != 1)}"
    days = dict.fromkeys(day for day in (one.first, one.last) if day)
    return ", ".join(filter(None, [f"stated by {posts}", " to ".join(days)]))


def _why(one: Candidate) -> Iterator[str]:
    if one.contradicted:
        yield f"contradicted by {', '.join(one.contradicted)}"
    for post in one.posts[:SHOWN_POSTS]:
        date = f", {post.date}" if post.date else ""
        yield f"{post.probability:.3f}  {post.id}{date}: {post.text}"
    for path in one.paths:
        yield f"through {', '.join(map(_fact, path))}"
    for link in one.around:
        yield f"no path; known is {_fact(link)}"


def _fact(link: Link) -> str:
    return f"{link.head} {link.relation} {link.tail} ({link.probability:.3f})"
