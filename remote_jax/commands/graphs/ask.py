"""Asks a graph: `remote-jax ask GRAPH ENTITY RELATION [--tail] [--run=RUN]`.

    remote-jax ask GRAPH "Gatika Bamorel" member_of
    remote-jax ask GRAPH "Divafen Rovers" member_of --tail
    remote-jax ask GRAPH "Gatika Bamorel" member_of --run=runs/graph --json

prints what posts state, each answer with its probability and those posts. With a run of ROAM that
was trained on GRAPH/roam (--run, or GRAPH/roam-run where it is there), also what it infers, and the
facts that lead there. --tail asks for heads: the entity is the tail.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from remote_jax.errors import Refused, UserError
from remote_jax.graph import reading
from remote_jax.graph.answers import Answers, Candidate, Link, Predictor, Question, ask
from remote_jax.graph.names import clean
from remote_jax.reporting.progress import working

RUN = "roam-run"
"""A run of ROAM that is found without being named, in the folder of the graph."""

SHOWN_POSTS = 3


def main(argv: Sequence[str]) -> int:
    """Prints the answers to the question of the command line; returns 0.

    Raises:
        UserError: there is no such graph, entity, relation or run.
    """
    parser = argparse.ArgumentParser(
        "remote-jax ask", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("graph", metavar="GRAPH", type=Path, help="folder of `remote-jax graph`")
    parser.add_argument("entity", metavar="ENTITY", help="an id, a name or an alias")
    parser.add_argument("relation", metavar="RELATION", help="full name, or its last part")
    parser.add_argument("--tail", action="store_true", help="the entity is the tail")
    parser.add_argument("--run", type=Path, help="run of ROAM; GRAPH/roam-run if it is there")
    parser.add_argument("--top", type=int, default=5, help="inferred answers, at most")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(list(argv))
    if not 1 <= options.top <= 10_000:
        raise UserError(f"--top must be from 1 to 10,000, found {options.top}.")
    question = Question(options.entity, options.relation, options.tail, options.top)
    try:
        found = ask(reading.read(options.graph), question, _predictor(options.graph, options.run))
    except Refused as error:
        raise UserError(f"{options.graph}: {error}.") from error
    if options.json:
        print(json.dumps(found.to_dict(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(found)))
    return 0


def _predictor(graph: Path, run: Path | None) -> Predictor | None:
    """The model of a run that is named, or lies in the folder of the graph."""
    if run is None and not (graph / RUN).is_dir():
        return None
    with working("loading the run of ROAM"):
        from remote_jax.serve.model import load

        model = load(run or graph / RUN)
    if model.system != "roam":
        raise UserError(f"{run} is a run of {model.system}, expected one of roam.")
    return model


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
