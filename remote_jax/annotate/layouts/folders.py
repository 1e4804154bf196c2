"""From a folder of a layout to one to label, and back."""

from __future__ import annotations

import filecmp
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.ends import item_of
from remote_jax.annotate.layouts import label_studio, pair_rows, read_pairs, sentences
from remote_jax.annotate.layouts.labelled import (
    DEPTHS,
    PICTURES,
    Imported,
    Labelled,
    Source,
    Target,
    copy,
)
from remote_jax.annotate.posts import FILE
from remote_jax.annotate.project import Project, check_name
from remote_jax.annotate.splitting.files import read_splits, write_splits
from remote_jax.annotate.store import ANNOTATOR
from remote_jax.data.release import SPLITS
from remote_jax.errors import Refused, UserError, writing
from remote_jax.reporting.progress import tracked
from remote_jax.reporting.results import json_line, write_atomically


@dataclass(frozen=True)
class Layout:
    """How to read and to write a folder; both get the layout's name."""

    read: Callable[[Path, str], Source]
    write: Callable[[Target, str], None]


LAYOUTS: Mapping[str, Layout] = {
    **{name: Layout(read_pairs.read, pair_rows.write) for name in pair_rows.LAYOUTS},
    "jmere": Layout(sentences.read, sentences.write),
    "label-studio": Layout(label_studio.read, label_studio.write),
}


def export(project: Project, folder: Path, name: str, person: str | None) -> list[str]:
    """Writes what is labelled as a folder of a layout; returns what is left out, in sentences.

    Args:
        folder: it must not exist.
        name: one of `LAYOUTS`.
        person: whose labels; None: what all agree on or the adjudicator decided.

    Raises:
        UserError: nobody has that name, nothing is labelled, the folder exists, or a file cannot be
            written.
    """
    layers = project.loaded()
    if person is not None and person not in layers.people:
        raise UserError(f"Nobody is called {person}: {', '.join(layers.people)}.")
    splits = read_splits(project.folder, project.by_id)
    posts = [
        Labelled(post, layers.final(post) if person is None else layers.layer(person, post), split)
        for post in tracked(project.posts, "reading labels", "posts", len(project.posts))
        for split in [splits[post.id]]
    ]
    if all(one.layer == one.post.base for one in posts):
        whose = f"of {person}" if person else "that all annotators agree on or the adjudicator gave"
        raise UserError(f"{project.folder} has no labels {whose}: there is nothing to export.")
    with _new(folder) as partial:
        target = Target(project.folder, partial, project.vocabulary, posts)
        LAYOUTS[name].write(target, name)
    return target.notes


def import_(source: Path, folder: Path, name: str, person: str | None) -> tuple[int, list[str]]:
    """Makes a folder to label of one of a layout; its labels become those of a person.

    Args:
        folder: it must not exist.
        name: one of `LAYOUTS`.
        person: an annotator; None: posts come without labels.

    Returns:
        The number of posts, and what is passed over, in sentences.

    Raises:
        UserError: the source is missing or malformed, the folder exists, or the person cannot be.
    """
    if person is not None:
        check_name(person)
    with _new(folder) as partial:
        read = LAYOUTS[name].read(source, name)
        if not read.posts:
            raise UserError(f"{source} has no posts of the layout {name}.")
        _write_posts(partial, read)
        if person is not None:
            project = Project(partial, new=True)
            _label(project, read.posts, person)
            project.store.close()
    return len(read.posts), read.notes


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """A folder that gets its name when all is in it.

    Raises:
        UserError: the folder exists, or cannot be made.
    """
    if folder.exists():
        raise UserError(f"{folder} exists: name a new folder.")
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        with writing(folder):
            partial.mkdir(parents=True)
        yield partial
        with writing(folder):
            partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_posts(folder: Path, read: Source) -> None:
    """Writes posts, pictures, vocabulary and splits."""
    media = _Media(folder)
    lines: list[str] = []
    splits: dict[str, list[str]] = {split: [] for split in SPLITS}
    posts = tracked(read.posts, "copying", "posts", len(read.posts))
    for id_, one in zip(_ids(read.posts), posts, strict=True):
        image = media.add(one.image, f"{PICTURES}/{one.name}", one.split)
        called = image.removeprefix(f"{PICTURES}/")
        stem = called.rpartition(".")[0] or called
        depth = media.add(one.depth, f"{DEPTHS}/{stem}.npz", one.split)
        lines.append(json_line(one.to_post(id_, image, depth)))
        splits[one.split].append(id_)
    vocabularies.write(folder, read.vocabulary)
    write_splits(folder, splits)
    write_atomically(folder / FILE, lines)


def _ids(posts: list[Imported]) -> list[str]:
    """The id of each post: its own, else its split and a number."""
    given = [one.id for one in posts]
    if all(given) and len(set(given)) == len(given):
        return given
    return [f"{one.split}-{number}" for number, one in enumerate(posts, start=1)]


def _label(project: Project, posts: list[Imported], person: str) -> None:
    """Makes the labels of a layout a person's, a batch a post."""
    project.store.add_people({person: ANNOTATOR})
    total = len(posts)
    pairs = zip(project.posts, posts, strict=True)
    for post, one in tracked(pairs, "writing labels", "posts", total):
        values = [
            {"item": item_of(label.head, label.tail), "value": label.to_dict()}
            for label in one.relations
        ]
        if values:
            try:
                project.change(person, post, uuid.uuid4().hex, values)
            except Refused as error:
                raise UserError(f"The post {post.id}: {error}.") from error


class _Media:
    """Files that are copied into a folder; two of one name and other content get two names."""

    def __init__(self, folder: Path):
        self._folder = folder

    def add(self, path: Path | None, name: str, split: str) -> str:
        """Copies a file, and returns its name in the folder; "" for none."""
        if path is None:
            return ""
        goal = self._folder / name
        if goal.exists() and not filecmp.cmp(path, goal, shallow=False):
            top, _, rest = name.partition("/")
            name = f"{top}/{split}/{rest}"
            goal = self._folder / name
        if not goal.exists():
            copy(path.parent, path.name, goal)
        return name
