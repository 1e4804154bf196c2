"""`tensorflow-datasets` builders: a published graph in, parsed once, records of triples out.

A record is a block of triples, not one: a record costs 23 µs to read, whatever it holds, which is
7 s for 300,000 triples one by one and 0.02 s in blocks. Names are stored next to the records, one
name per line; names contain no newline, since they come from lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from remote_jax.data import records
from remote_jax.data.cache import locked
from remote_jax.errors import UserError
from remote_jax.reporting.progress import working
from remote_jax.reporting.results import Table
from remote_jax.roam.data import triples
from remote_jax.roam.data.layouts.names import Naming, Triples
from remote_jax.roam.data.triples import DEFAULT, Graph, Options

BLOCK = 4096
"""Triples of a record."""

NAMES = {"entities": "entities.txt", "relations": "relations.txt"}
NAMING = "naming.json"


class Sizes(NamedTuple):
    """How many there are of each."""

    entities: int
    relations: int
    train: int
    validation: int
    test: int


class GraphBuilder(records.Builder, skip_registration=True):  # type: ignore[call-arg]
    """Any graph that `triples.read` reads.

    Args:
        folder: of the graph.
        options: of `triples.read`.
        sha256: its `triples.fingerprint`.
        **kwargs: `data_dir` and `file_format` of `tfds.core.DatasetBuilder`.
    """

    name = "graph"
    published: ClassVar[Sizes | None] = None
    """Sizes of the release that papers report on."""

    VERSION = tfds.core.Version("1.1.0")
    """1.1: entities that are numbers have these ids, and `naming.json` is kept."""

    def __init__(self, *, folder: str | Path, options: Options, sha256: str, **kwargs: Any):
        self.folder, self.options, self.sha256 = folder, options, sha256
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"triples": tfds.features.Tensor(shape=(None, 3), dtype=np.int32)}
        description = "Ids of head, relation and tail of triples, a block of them a record."
        return self.info_of(description, features)

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator[Any]]:
        with working(f"reading the graph in {self.folder}"):
            graph = triples.read(self.folder, self.options)
        if triples.fingerprint(self.folder, self.options) != self.sha256:
            raise UserError(f"The graph in {self.folder} changed while it was read; start again.")
        for kind, file in NAMES.items():
            lines = "".join(name + "\n" for name in getattr(graph, kind))
            (Path(self.data_dir) / file).write_bytes(lines.encode())
        kept = {"sha256": graph.sha256, "naming": asdict(graph.naming)}
        (Path(self.data_dir) / NAMING).write_text(json.dumps(kept), "utf-8")
        return {split: self._generate_examples(rows) for split, rows in graph.splits.items()}

    def _generate_examples(self, rows: Triples) -> Iterator[tuple[int, dict[str, Any]]]:
        for start in range(0, len(rows), BLOCK):
            yield start, {"triples": rows[start : start + BLOCK]}

    def graph(self) -> Graph:
        """The graph, from the records."""
        splits = {split: self._read(split) for split in triples.SPLITS}
        kept = json.loads((Path(self.data_dir) / NAMING).read_text("utf-8"))
        kept["naming"]["notes"] = tuple(kept["naming"]["notes"])
        names = (self._names("entities"), self._names("relations"))
        return Graph(*names, splits, kept["sha256"], Naming(**kept["naming"]))

    def _read(self, split: str) -> Triples:
        source = self.as_data_source(split)
        blocks = source.__getitems__(range(len(source)))
        return np.concatenate([block["triples"] for block in blocks])

    def _names(self, kind: str) -> tuple[str, ...]:
        lines = (Path(self.data_dir) / NAMES[kind]).read_bytes().decode()
        return tuple(lines.removesuffix("\n").split("\n"))


class MkgW(GraphBuilder):
    """MKG-W (Xu et al. 2022), of Wikidata. The paper's Table 6 gives another number for test."""

    name = "mkg_w"
    published = Sizes(15_000, 169, 34_196, 4_276, 4_274)


class MkgY(GraphBuilder):
    """MKG-Y (Xu et al. 2022), of YAGO. The paper's Table 6 gives another number for validation."""

    name = "mkg_y"
    published = Sizes(15_000, 28, 21_310, 2_665, 2_663)


class Db15k(GraphBuilder):
    """DB15K (Liu et al. 2019), of DBpedia. The paper's Table 6 swaps validation and test."""

    name = "db15k"
    published = Sizes(12_842, 279, 79_222, 9_904, 9_902)


class Kvc16k(GraphBuilder):
    """KVC16K (Zhang et al. 2024), of short videos; names are Chinese."""

    name = "kvc16k"
    published = Sizes(16_015, 4, 180_190, 22_523, 22_525)


class Fb15k237Img(GraphBuilder):
    """FB15k-237-IMG, of Freebase: the triples of FB15k-237 (Toutanova and Chen 2015)."""

    name = "fb15k237_img"
    published = Sizes(14_541, 237, 272_115, 17_535, 20_466)


class Wn18rr(GraphBuilder):
    """WN18RR (Dettmers et al. 2018), of WordNet."""

    name = "wn18rr"
    published = Sizes(40_943, 11, 86_835, 3_034, 3_134)


class Umls(GraphBuilder):
    """UMLS (Kok and Domingos 2007), medical concepts."""

    name = "umls"
    published = Sizes(135, 46, 5_216, 652, 661)


BUILDERS = {
    builder.name: builder for builder in (MkgW, MkgY, Db15k, Kvc16k, Fb15k237Img, Wn18rr, Umls)
}


def load(folder: str | Path, *, name: str, cache: Path, options: Options = DEFAULT) -> Graph:
    """The graph that `triples.read` finds in `folder`, parsed once and then read from records.

    Args:
        folder: of the graph's files.
        name: a benchmark of `BUILDERS`; any other name is a graph of one's own.
        cache: records go to CACHE/NAME/SHA256, or to CACHE/graph/SHA256. A file that changes by a
            byte is another graph.
        options: of `triples.read`.

    Raises:
        UserError: a file is missing or malformed, or the cache cannot be written.
    """
    sha256 = triples.fingerprint(folder, options)
    make = BUILDERS.get(name, GraphBuilder)
    place = cache / make.name / sha256
    with locked(place):
        builder = make(
            folder=folder,
            options=options,
            sha256=sha256,
            data_dir=place,
            file_format="array_record",
        )
        records.prepare(builder)
    return triples.compared(builder.graph(), folder)


def is_published(graph: Graph, name: str) -> bool:
    """Whether a graph has the sizes of the release that papers report on under that name."""
    if name not in BUILDERS or BUILDERS[name].published is None:
        return False
    sizes = (len(graph.splits[split]) for split in triples.SPLITS)
    return Sizes(len(graph.entities), len(graph.relations), *sizes) == BUILDERS[name].published


def describe(graph: Graph, name: str = "") -> Table:
    """What is in a graph, as `Graph.facts` counts it.

    Args:
        name: of a benchmark, to set its published numbers of triples beside those found.
    """
    facts = graph.facts
    title = (
        f"{facts['entities']:,} entities, {facts['entities_not_in_training']:,} of them without a "
        f"training triple; {facts['relations']:,} relations"
    )
    counts = ("triples", "duplicates", "leaked", "unseen")
    rows = [[split, *(facts[split][count] for count in counts)] for split in graph.splits]
    published = BUILDERS[name].published if name in BUILDERS else None
    if published is None:
        return Table(title, ("split", *counts), rows)
    title += f" (published: {published.entities:,} entities, {published.relations:,} relations)"
    rows = [[*row, getattr(published, str(row[0]))] for row in rows]
    return Table(title, ("split", *counts, "published"), rows)
