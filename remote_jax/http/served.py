"""What a server answers with: a graph, and models, each asked once before anybody else asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from remote_jax.data.posts import Answer
from remote_jax.errors import UserError
from remote_jax.graph import reading
from remote_jax.graph.answers import EXTRA, Predictor
from remote_jax.graph.names import shown
from remote_jax.graph.reading import KnowledgeGraph
from remote_jax.http.limits import MAX_PAIRS, MAX_QUESTIONS, MAX_TOP
from remote_jax.reporting.progress import working
from remote_jax.reporting.results import code_version

FIRST: Mapping[str, dict[str, Any]] = {
    "remote": {"tokens": ["Ann", "sings"], "entities": [[0, 1], [1, 2]]},
    "eega": {
        "tokens": ["Ann", "sings"],
        "parse": {"heads": [1, 1], "dependencies": ["nsubj", "ROOT"], "pos": ["PROPN", "VERB"]},
    },
}
"""The first post that a model is asked, by its system."""


class Model(Predictor, Protocol):
    """What `remote_jax.load` gives."""

    @property
    def system(self) -> str:
        """`remote`, `eega` or `roam`."""
        ...

    @property
    def checksum(self) -> int:
        """Of its parameters."""
        ...

    def compile(self, post: Mapping[str, Any], count: int, /) -> None:
        """Compiles what up to so many posts like this one need."""
        ...


@dataclass(frozen=True)
class Served:
    """A graph and models.

    Attributes:
        models: by system.
        folders: of their runs, likewise.
    """

    graph: KnowledgeGraph | None
    models: Mapping[str, Model]
    folders: Mapping[str, str]
    version: str


def load(graph: Path | None, runs: Sequence[Path]) -> Served:
    """Reads a graph and runs, has each model answer a first question, and compiles its programs.

    Args:
        runs: at most one of each system; without one of ROAM, that in the graph's folder is used.

    Raises:
        UserError: there is nothing to serve, or it cannot be read; two runs are of one system; or
            that of ROAM is of another graph.
    """
    if graph is None and not runs:
        raise UserError("Name what to serve: --graph=GRAPH, --run=RUN, or both.")
    read = None
    if graph is not None:
        with working(f"reading {graph}"):
            read = reading.read(graph)
            read.near("a")  # makes the index of names
    models: dict[str, Model] = {}
    folders: dict[str, Path] = {}
    for run in runs:
        _add(models, folders, run)
    own = None if read is None else reading.run_of(read, None)
    if own is not None and "roam" not in models:
        _add(models, folders, own)
    for system, model in models.items():
        _ask_first(model, folders[system], read)
    names = {system: folder.resolve().name for system, folder in folders.items()}
    return Served(read, models, names, code_version())


def _add(models: dict[str, Model], folders: dict[str, Path], run: Path) -> None:
    with working(f"loading {run}"):
        from remote_jax.serve.model import load as load_model

        model = load_model(run)
    if model.system in models:
        raise UserError(
            f"{folders[model.system]} and {run} are both runs of {model.system}: name one."
        )
    models[model.system], folders[model.system] = model, run


def _ask_first(model: Model, run: Path, graph: KnowledgeGraph | None) -> None:
    """Has a model answer its first question, and compiles what further ones need.

    Raises:
        UserError: it cannot, or its graph has entities that this one lacks.
    """
    question = FIRST.get(model.system) or _first_query(run, graph)
    with working(f"compiling {run} for batches of all sizes"):
        (answer,) = model.predict([question])
        _check(answer, run)
        for kind in _kinds(question):
            model.compile(kind, MAX_PAIRS if model.system == "remote" else MAX_QUESTIONS)


def _kinds(question: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Posts and queries for which a model has programs of their own, by one of them.

    Queries of ROAM for few answers, for many, and for a relation or the score of a triple.
    """
    if "relation" not in question:
        return [{**question}]
    ends = {"head": question["head"], "tail": question["head"]}
    return [{**question, "top": 1}, {**question, "top": MAX_TOP * EXTRA}, ends]


def _check(answer: Answer, run: Path) -> None:
    if answer.error is not None:
        raise UserError(f"{run} does not answer its first question: {answer.error}")


def _first_query(run: Path, graph: KnowledgeGraph | None) -> dict[str, Any]:
    from remote_jax.roam.data.saved_graph import read_graph
    from remote_jax.roam.task import GRAPH

    trained = read_graph(run.expanduser() / GRAPH)
    if graph is not None:
        missing = [name for name in trained.entities if name not in graph.labels]
        if missing:
            raise UserError(
                f"{run} is of another graph: it knows {shown(missing[0], 60)!r}, which "
                f"{graph.folder} lacks. Train ROAM on the folder roam of this graph."
            )
    query = {"head": trained.entities[0], "relation": trained.relations[0], "top": 200}
    return query if graph is None else {**query, "known": False}
