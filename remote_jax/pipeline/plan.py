"""The stations of a pipeline, by its config."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml_collections import ConfigDict

from remote_jax.data.extracted import MANIFEST
from remote_jax.data.files import read_json
from remote_jax.errors import UserError
from remote_jax.graph.build import IMPLIED, ROAM, SUMMARY
from remote_jax.graph.completion import too_small
from remote_jax.graph.reading import MAX_SUMMARY, RUN
from remote_jax.graph.writers.roam import ENTITY_IDS
from remote_jax.pipeline.stations import Station

MAIN, SAMPLE = "remote_jax.main", "remote_jax.remote.sample.posts"
RESULTS = "results.json"
"""What a run writes last."""

ANSWERS = "answers.jsonl"


def plan(config: ConfigDict, workdir: Path) -> list[Station]:
    """Prepare, train REMOTE, extract, make the graph, train ROAM, answer; each if it is wanted.

    Args:
        config: as `settings.KEYS` describes it.
        workdir: every station writes into a folder of its own there.

    Raises:
        UserError: a run or a file that the config names is not there.
    """
    for key, path in (("posts", config.posts), ("roam.queries", config.roam.queries)):
        if path and not Path(path).is_file():
            raise UserError(f"config.{key} is {path}, expected a file of JSON lines.")
    for system in ("remote", "eega"):
        run = config[system].run
        if run and not _results(Path(run)).is_file():
            raise UserError(f"config.{system}.run is {run}, expected the folder of a finished run.")
    return [*_stations(config, workdir)]


def _stations(config: ConfigDict, workdir: Path) -> Iterator[Station]:
    posts, world = Path(config.posts), None
    if not config.posts:
        world, posts = workdir / "posts" / "world.json", workdir / "posts" / "posts.jsonl"
        flags = (f"--posts={config.sample.posts}", f"--seed={config.sample.seed}")
        yield Station("posts", SAMPLE, (str(posts.parent), *flags), (), posts.parent, world)
    if config.prepare:
        folder = workdir / "prepared"
        arguments = ("prepare", str(posts), f"--output={folder}", *shlex.split(config.prepare))
        made = folder / "posts.jsonl"
        inputs = (posts, *_files(config.prepare))
        yield Station("prepare", MAIN, arguments, inputs, folder, made, resumes=True)
        posts = made
    remote = Path(config.remote.run or workdir / "remote")
    if not config.remote.run:
        yield _training("remote", config.remote.train, (), remote, ())
    runs = [remote, *([Path(config.eega.run)] if config.eega.run else [])]
    extracted, graph = workdir / "extracted", workdir / "graph"
    roam = graph / RUN
    results = tuple(_results(run) for run in runs)
    yield Station(
        "extract",
        MAIN,
        (
            *("extract", str(posts), f"--run={','.join(map(str, runs))}"),
            *(f"--output={extracted}", *shlex.split(config.extract)),
        ),
        (posts, *results, *_files(config.extract)),
        extracted,
        extracted / MANIFEST,
    )
    yield _graph(config, extracted, graph, world)
    yield _roam(config, graph, roam)
    queries = Path(config.roam.queries) if config.roam.queries else world and graph / IMPLIED
    if queries:
        answers = workdir / ANSWERS
        arguments = (
            *("--mode=predict", f"--workdir={roam}"),
            *(f"--input={queries}", f"--output={answers}"),
        )
        yield Station("answer", MAIN, arguments, (queries, _results(roam)), answers, answers)


def _graph(config: ConfigDict, extracted: Path, graph: Path, world: Path | None) -> Station:
    truth = (f"--world={world}",) if world else ()
    arguments = ("graph", str(extracted), f"--output={graph}", *truth, *shlex.split(config.graph))
    inputs = (extracted / MANIFEST, *([world] if world else []), *_files(config.graph))
    return Station("graph", MAIN, arguments, inputs, graph, graph / SUMMARY)


def _roam(config: ConfigDict, graph: Path, run: Path) -> Station:
    data = (f"--config.data.dir={graph / ROAM}", "--config.data.name=graph")
    training = _training("roam", config.roam.train, data, run, (graph / ROAM / ENTITY_IDS,))
    return replace(training, check=partial(_check_size, graph))


def _training(
    name: str, flags: str, data: tuple[str, ...], run: Path, inputs: tuple[Path, ...]
) -> Station:
    arguments = (*shlex.split(flags), *data, f"--workdir={run}")
    if not any(one.startswith("--config=") for one in arguments):
        raise UserError(f"{name}.train names no config, expected flags as --config=NAME; {flags!r}")
    return Station(name, MAIN, arguments, inputs, run, _results(run))


def _check_size(graph: Path) -> None:
    """Raises a UserError if a graph is too small for ROAM."""
    if reason := too_small(read_json(graph / SUMMARY, MAX_SUMMARY)):
        raise UserError(
            f"{graph}: {reason}. What posts state is answered all the same: "
            f"remote-jax ask {shlex.quote(str(graph))} ENTITY RELATION."
        )


def _files(flags: str) -> list[Path]:
    """The files that flags name."""
    values = (Path(one.partition("=")[2]) for one in shlex.split(flags) if "=" in one)
    return [path for path in values if path.is_file()]


def _results(run: Path) -> Path:
    return run / RESULTS
