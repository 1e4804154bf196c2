"""The files of a folder of prepared posts; they appear together, once all posts are done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from remote_jax.eega.data.formats import SCENES
from remote_jax.errors import writing
from remote_jax.prepare import rows
from remote_jax.prepare.media import OutputMedia
from remote_jax.prepare.post import Entity, ObjectInPicture, PreparedPost
from remote_jax.prepare.run import Outcome, Part
from remote_jax.prepare.step import Step
from remote_jax.remote.sample.write import BOXES
from remote_jax.reporting.results import json_line

POSTS = "posts.jsonl"
CAPTIONS = "cap_prepared.json"
PROVENANCE = "provenance.jsonl"
REJECTED = "rejected.jsonl"
UNPARSED = "unparsed.jsonl"

LINES = (POSTS, PROVENANCE, REJECTED, UNPARSED)
TABLES = (BOXES, CAPTIONS)
"""JSON objects, a picture a key."""

WRITTEN = (*LINES, *TABLES, *SCENES)
"""All files that a preparation writes or removes beside pictures and depth maps."""


def write(
    folder: Path,
    outcomes: Iterable[Outcome],
    steps: Sequence[Step],
    media: OutputMedia,
    types: Sequence[str],
) -> Iterator[Outcome]:
    """Writes each outcome and passes it on; the files get their names after the last.

    Args:
        types: of objects, which scene graphs have for classes.

    Raises:
        UserError: nothing can be written.
    """
    versions = {step.name: {**step.version} for step in steps}
    scenes = "relations" in versions
    with _Files(folder, (*TABLES, *SCENES) if scenes else TABLES) as files:
        for outcome in outcomes:
            if isinstance(outcome.post, str):
                files.line(REJECTED, {"line": outcome.line, "error": outcome.post})
            else:
                picture = media.picture(outcome.post).rpartition("/")[2]
                files.line(POSTS, rows.post_row(outcome.post, media))
                _write_tables(files, outcome.post, picture, types)
                _write_origin(files, outcome, outcome.post, picture, versions)
            yield outcome
        if scenes:
            for key, names in rows.scene_names(types).items():
                files.entry(SCENES[1], key, names)
        files.finish()
    if not scenes:  # an earlier preparation's are of other objects
        with writing(folder):
            for name in SCENES:
                (folder / name).unlink(missing_ok=True)


def _write_tables(files: _Files, post: PreparedPost, picture: str, types: Sequence[str]) -> None:
    """What the tables have for the picture of a post."""
    if picture:
        files.entry(BOXES, picture, rows.boxes(post))
        files.entry(CAPTIONS, picture, rows.captions(post))
    if post.relations is not None:
        files.entry(SCENES[0], picture, rows.scene_graph(post, types))


def _write_origin(
    files: _Files,
    outcome: Outcome,
    post: PreparedPost,
    picture: str,
    versions: Mapping[str, Mapping[str, Any]],
) -> None:
    """Where everything in a post is from, and the answers that could not be used."""
    start = {"line": outcome.line, "id": post.id}
    source = {"picture": picture, "source": post.picture.name} if post.picture else {}
    told = {"caption": post.caption} if post.caption else {}
    parts = {part.step: _part(part, versions[part.step]) for part in outcome.parts}
    files.line(PROVENANCE, {**start, **source, **_given(post), **told, "steps": parts})
    for part in outcome.parts:
        if part.unparsed:
            why = {"step": part.step, "error": part.unparsed, "answer": part.answer}
            files.line(UNPARSED, {**start, **why})


def _given(post: PreparedPost) -> dict[str, Any]:
    """The entities and objects that the post came with: the first of its row, as it had them."""
    ends: dict[str, Sequence[Entity | ObjectInPicture]] = {
        "entities": post.entities,
        "objects": post.objects,
    }
    given = {
        key: [one.given for one in some if one.given is not None] for key, some in ends.items()
    }
    found = {key: items for key, items in given.items() if items}
    return {"given": found} if found else {}


def _part(part: Part, version: Mapping[str, Any]) -> dict[str, Any]:
    """Who was asked, and what came of it."""
    row = {"found": part.found, "refused": list(part.refused)}
    row |= {"failed": part.failed, "unparsed": part.unparsed}
    return {**version, **{key: value for key, value in row.items() if value or key == "found"}}


class _Files:
    """Files that are written under other names until all are whole."""

    def __init__(self, folder: Path, tables: Sequence[str]):
        self._folder, self._tables = folder, tables
        self._files: dict[str, IO[str]] = {}
        self._begun: set[str] = set()
        self._stack = ExitStack()

    def __enter__(self) -> _Files:
        for name in (*LINES, *self._tables):
            path = self._partial(name)
            with writing(path):
                self._files[name] = self._stack.enter_context(path.open("w", encoding="utf-8"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        for name in self._files:
            self._partial(name).unlink(missing_ok=True)  # there where not all posts were done

    def line(self, name: str, row: Mapping[str, Any]) -> None:
        self._write(name, json_line(row))

    def entry(self, name: str, key: str, value: Mapping[str, Any] | Sequence[str]) -> None:
        """A key of a table; one that is there already is of the same post twice."""
        if f"{name} {key}" not in self._begun:
            text = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
            self._write(name, (",\n" if name in self._begun else "{") + text)
            self._begun |= {name, f"{name} {key}"}

    def finish(self) -> None:
        for name in self._tables:
            self._write(name, "}\n" if name in self._begun else "{}\n")
        for name, file in self._files.items():
            with writing(self._folder / name):
                file.flush()
                os.fsync(file.fileno())
                self._partial(name).replace(self._folder / name)

    def _write(self, name: str, text: str) -> None:
        with writing(self._folder / name):
            self._files[name].write(text)

    def _partial(self, name: str) -> Path:
        return self._folder / f".{name}.partial"
