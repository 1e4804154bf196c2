"""What `fuzz.py` mutates: a small valid folder of each kind, and how it is read."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jmere_files
import numpy as np
import parse_examples
import released
import systems
from safetensors.numpy import save_file

import remote_jax
from remote_jax.commands.arguments import Arguments
from remote_jax.data import posts
from remote_jax.data.media import PostFileMedia
from remote_jax.eega.data import formats as eega_formats
from remote_jax.eega.data import parse_files
from remote_jax.eega.data.reader import SentenceReader
from remote_jax.eega.data.scene_graph import SceneGraphs
from remote_jax.errors import Refused
from remote_jax.main import run
from remote_jax.remote.data import formats
from remote_jax.remote.data.reader import PairReader
from remote_jax.remote.data.unlisted import read_relations
from remote_jax.roam.data import features, text, triples
from remote_jax.task import make_task

SHARED = Path(tempfile.gettempdir()) / f"remote_jax-fuzz-{os.getuid()}"
"""Small runs of the systems and their exports, made once for all kinds."""

Read = Callable[[], bool]
"""Reads the folder; false where all that there is was refused."""


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes:
        share: of all inputs.
        make: fills a folder that does not exist; the files to mutate, and how to read them.
    """

    name: str
    share: float
    make: Callable[[Path], tuple[Sequence[Path], Read]]


def rows_of_remote(folder: Path) -> tuple[Sequence[Path], Read]:
    released.umre(folder)
    known = {"a.png": [[[0, 2], [3, 4], "/per/per/partner"]]}
    (folder / "all_relations.json").write_text(json.dumps(known))
    (folder / "rel2id.json").write_text(
        json.dumps({name: place for place, name in enumerate(("none", *_relations()))})
    )
    names = ("pos_umke.json", "cap_test.json", "all_relations.json", "rel2id.json")
    rare = [folder / name for name in (*names, "UMKE_IMG/a.png", "depth_data_umke/a.npz")]

    def read() -> bool:
        files = formats.locate(formats.UMRE, folder)
        found = list(PairReader(files, "train"))
        assert files.all_relations is not None
        read_relations(files.all_relations, files.relations)
        return any(not isinstance(one, dict) for one in found)

    return [folder / "train_set.json"] * 12 + rare, read


def _relations() -> list[str]:
    return sorted({row["relation"] for row in released.ROWS} - {"none"})


def rows_of_eega(folder: Path) -> tuple[Sequence[Path], Read]:
    jmere_files.jmere(folder, [jmere_files.row()] * 3, splits=("train",))

    def read() -> bool:
        files = eega_formats.locate(eega_formats.JMERE, folder)
        return any(not isinstance(one, dict) for one in SentenceReader(files, "train"))

    return [folder / "train.json"], read


def graphs_and_parses_of_eega(folder: Path) -> tuple[Sequence[Path], Read]:
    folder.mkdir(parents=True)
    entry = {
        **{"bbox": [[0, 0, 400, 600], [400, 100, 800, 500]], "bbox_labels": [1, 2]},
        **{"bbox_scores": [0.9, 0.7], "rel_pairs": [[0, 1]], "rel_labels": [1]},
        "rel_scores": [0.8],
    }
    texts = {**entry, "rel_labels": ["0_man => on => 1_cup"]}
    scenes, info = folder / "custom_prediction.json", folder / "custom_data_info.json"
    scenes.write_text(json.dumps({"a": entry, "b": texts}))
    names = {"ind_to_classes": ["__background__", "man", "cup"]}
    info.write_text(json.dumps({**names, "ind_to_predicates": ["__background__", "on"]}))
    parse_files.write(folder / "a.npz", [parse_examples.made([0, 0, 1])])

    def read() -> bool:
        found = SceneGraphs(scenes, info)
        for name in ("a.png", "b.png"):
            with contextlib.suppress(Refused):
                found.graph(name, (800, 600), objects=4, threshold=0.0)
        return bool(parse_files.read(folder / "a.npz"))

    return sorted(folder.iterdir()), read


def descriptions(folder: Path) -> tuple[Sequence[Path], Read]:
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("Oslo\ta city\nNorway\ta country\n")
    (folder / "b.json").write_text(json.dumps({"Oslo": "a city"}))
    files = sorted(folder.iterdir())
    return files, lambda: all(bool(text.read_descriptions(path)) for path in files)


def graphs(folder: Path) -> tuple[Sequence[Path], Read]:
    folder.mkdir(parents=True)
    for name in ("train", "valid", "test"):
        (folder / f"{name}.txt").write_text("Oslo\tin\tNorway\nBergen\tin\tNorway\n")
    (folder / "entity2id.txt").write_text("3\nOslo\t0\nNorway\t1\nBergen\t2\n")
    (folder / "relation2id.txt").write_text("1\nin\t0\n")
    return sorted(folder.iterdir()), lambda: bool(triples.read(folder).entities)


def features_of_entities(folder: Path) -> tuple[Sequence[Path], Read]:
    folder.mkdir(parents=True)
    names, values = ("Oslo", "Norway", "Bergen"), np.arange(1.0, 13).reshape(3, 4)
    np.save(folder / "a.npy", values)
    (folder / "a.ids.txt").write_text("\n".join(names))
    np.savez_compressed(folder / "b.npz", features=values, ids=np.array(names))
    save_file({"features": values.astype(np.float32)}, folder / "c.safetensors")
    (folder / "c.ids.txt").write_text("\n".join(names))
    np.save(folder / "d.npy", values)
    (folder / "d.ids.json").write_text(json.dumps([names[2], *names[:2]]))
    matrices = ("a.npy", "b.npz", "c.safetensors", "d.npy")

    def read() -> bool:
        # Each by itself, so that one that is refused does not hide the others.
        return all(features.load_matrix(folder / name, names).present.any() for name in matrices)

    return sorted(folder.iterdir()), read


def _made(system: str) -> tuple[Path, Path]:
    """The run and the export of a small model of noise."""
    place = SHARED / system
    if not (place / "out").exists():
        place.mkdir(parents=True, exist_ok=True)
        config = systems.SYSTEMS[system](place / "cache")
        with contextlib.redirect_stdout(io.StringIO()):
            systems.begin(config, place / "run")
            run(Arguments("export", config, place / "run", None, place / "out"))
    return place / "run", place / "out"


POSTS = {
    "remote": {
        **{"text": "Gatika plays for Rovers", "entities": [[0, 6], {"start": 17, "end": 23}]},
        **{"image": "a.png", "depth": "a.npz", "objects": [{"box": [0.1, 0.1, 0.6, 0.9]}]},
    },
    "eega": {
        **{"tokens": ["Ann", "and", "Bob"], "image": "a.png", "objects": [[0.1, 0.1, 0.6, 0.9]]},
        "parse": {"heads": [0, 2, 0], "dependencies": ["ROOT", "cc", "conj"], "pos": ["X"] * 3},
    },
}


def _posts(system: str) -> Callable[[Path], tuple[Sequence[Path], Read]]:
    def make(folder: Path) -> tuple[Sequence[Path], Read]:
        workdir, _ = _made(system)
        config = systems.SYSTEMS[system](SHARED / system / "cache")
        task = make_task(config)
        task.prepare(workdir, anew=False)
        folder.mkdir(parents=True)
        released.picture().save(folder / "a.png")
        np.savez(folder / "a.npz", depth_map=np.arange(12.0).reshape(3, 4))
        post = POSTS.get(system)
        if post is None:
            names = (workdir / "graph" / "entities.txt").read_text().splitlines()
            relation = (workdir / "graph" / "relations.txt").read_text().splitlines()[0]
            post = {"id": 1, "head": names[0], "relation": relation, "top": 3}
        path = folder / "posts.jsonl"
        path.write_text(json.dumps(post) + "\n", "utf-8")

        def read() -> bool:
            found = task.posts([values for _, values in posts.read(path)], PostFileMedia(path))
            for place in range(min(len(found.dataset), 3)):
                found.dataset[place]
            return len(found.dataset) > 0

        rare = [] if system == "roam" else [folder / "a.png", folder / "a.npz"]
        return [path] * 10 + rare, read

    return make


def _loaded(system: str, part: str) -> Callable[[Path], tuple[Sequence[Path], Read]]:
    def make(folder: Path) -> tuple[Sequence[Path], Read]:
        source = _made(system)[part == "export"]
        shutil.copytree(source, folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())

        def read() -> bool:
            with contextlib.redirect_stdout(io.StringIO()):
                return bool(remote_jax.load(folder))

        return files, read

    return make


TARGETS = (
    Target("rows_of_remote", 40, rows_of_remote),
    Target("rows_of_eega", 15, rows_of_eega),
    Target("graphs_and_parses_of_eega", 4, graphs_and_parses_of_eega),
    Target("graphs", 14, graphs),
    Target("descriptions", 1, descriptions),
    Target("features_of_entities", 12, features_of_entities),
    Target("posts_of_remote", 8, _posts("remote")),
    Target("posts_of_eega", 6, _posts("eega")),
    Target("queries", 4, _posts("roam")),
    *(Target(f"export_of_{system}", 0.15, _loaded(system, "export")) for system in systems.SYSTEMS),
    *(Target(f"run_of_{system}", 0.15, _loaded(system, "run")) for system in systems.SYSTEMS),
)
