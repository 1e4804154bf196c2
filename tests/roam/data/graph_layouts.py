"""Folders of graphs with features, of every layout, and whose each row is.

A layout is drawn from ways to name entities, to list ids, to write triples and to attach rows. A
row of features says which entity it was made for, so that what the readers give can be checked
without knowing how they match.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.roam.data.features import load_matrix
from remote_jax.roam.data.triples import read

WORDS = ("Ann Lee", "Ōsaka", "厦门", "St._John's", "360", "entity", "7", "b", "Zürich")
NO_NUMBERS = ("words", "padded")
"""Namings whose names nobody takes for numbers of entities."""
NAMINGS = ("words", "from 0", "from 1", "gaps", "permuted", "padded")
ID_FILES = ("none", "name id", "id name", "list", "sorted list")
EXPLICIT = ("entity2id.txt", "entities2id.txt", "entity_ids.del", "entities.dict", "entities.txt")
ATTACHED = ("place of id", "number as place", "rank", "ids", "ids from 1", "names")
RELATIONS = ("likes", "knows", "near")
FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


@dataclass
class Layout:
    """What was drawn.

    Attributes:
        naming, ids, attached: of the ways above.
        names: of entities.
        order: the entity of each id.
        files: content of each text file by name.
        rows: entity of each row of features, -1 for one of no entity.
        row_ids: of each row; None where rows have none.
        triples: head, relation and tail of each split, as entities and not as ids.
        stored: how features are stored.
        counted_from: the first id, where triples have ids.
    """

    naming: str
    ids: str
    attached: str
    names: list[str]
    order: list[int]
    files: dict[str, str] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    row_ids: list[str] | list[int] | None = None
    triples: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    stored: str = "npy"
    counted_from: int | None = None


def encoded(entity: int, spread: float = 0.0) -> list[float]:
    """Features that tell an entity; rows of one entity are their mean where spreads cancel out."""
    return [entity + 1 + spread, 7 * (entity + 2), 1] if entity >= 0 else [500, 500, 500]


@st.composite
def layouts(draw: Callable[..., object]) -> Layout:
    """Any layout that a person could write."""

    def pick(options: object) -> object:
        return draw(st.sampled_from(options))  # type: ignore[arg-type]

    count = draw(st.integers(3, 7))
    naming, ids = pick(NAMINGS), pick(ID_FILES)
    values = draw(st.permutations(range(count)))
    wide = sorted(draw(st.sets(st.integers(0, 15), min_size=count, max_size=count)))
    names = {
        "words": lambda: list(draw(st.permutations(WORDS)))[:count],
        "from 0": lambda: [str(i) for i in range(count)],
        "from 1": lambda: [str(i + 1) for i in range(count)],
        "gaps": lambda: [str(i) for i in wide],
        "permuted": lambda: [str(i) for i in values],
        "padded": lambda: [f"{i:04d}" for i in wide],
    }[naming]()
    order = list(range(count)) if draw(st.booleans()) else list(draw(st.permutations(range(count))))
    if ids == "sorted list":
        order = sorted(range(count), key=lambda entity: names[entity])
    made = Layout(naming, ids, pick(ATTACHED), names, order)
    _write_ids(made, draw, pick)
    _write_triples(made, draw, pick)
    _attach(made, draw, pick)
    return made


def _write_ids(made: Layout, draw: Callable, pick: Callable) -> None:
    if made.ids == "none":
        return
    listed = [made.names[entity] for entity in made.order]
    if "list" in made.ids:
        lines, file = listed, "entities.txt"
    else:
        file = pick(EXPLICIT)
        pairs = [(name, str(index)) for index, name in enumerate(listed)]
        lines = ["\t".join(pair if made.ids == "name id" else pair[::-1]) for pair in pairs]
    if draw(st.integers(0, 3)) == 0:
        lines = [str(len(lines)), *lines]
    made.files[file] = "".join(f"{line}\n" for line in lines)
    if file == "entity2id.txt" and draw(st.integers(0, 3)) == 0:
        made.files["entities.txt"] = "".join(f"{name}\n" for name in sorted(made.names))


def _write_triples(made: Layout, draw: Callable, pick: Callable) -> None:
    count = len(made.names)
    ends = st.integers(draw(st.integers(0, 1)), count - 1)
    row = st.tuples(ends, st.integers(0, 2), ends)
    place = {entity: index for index, entity in enumerate(made.order)}
    ways = ["names"]  # in which a list of numbers has them, too
    if made.ids != "none" and ("list" not in made.ids or made.naming in NO_NUMBERS):
        ways += ["ids"] + ["ids from 1"] * ("list" in made.ids)
    way = pick(ways)
    made.counted_from = {"names": None, "ids": 0, "ids from 1": 1}[way]
    openke, htr = draw(st.booleans()), draw(st.booleans())
    header = draw(st.integers(0, 5)) == 0
    with_relations = draw(st.booleans())
    if not (openke or header or with_relations) and made.ids == "none":
        htr = False  # nothing tells, and train.txt is head, relation, tail
    if with_relations:
        lines = (f"{name}\t{index}\n" for index, name in enumerate(RELATIONS))
        made.files["relation2id.txt"] = "".join(lines)
    numbered = with_relations and way != "names" and draw(st.booleans())
    counted = openke and htr and draw(st.booleans())
    for split, file in FILES.items():
        made.triples[split] = draw(st.lists(row, min_size=2, max_size=6))
        lines = []
        for h, r, t in made.triples[split]:
            head, tail = (
                made.names[e] if way == "names" else str(place[e] + (way == "ids from 1"))
                for e in (h, t)
            )
            relation = str(r) if numbered else RELATIONS[r]
            lines.append("\t".join((head, tail, relation) if htr else (head, relation, tail)))
        lines = ["head\ttail\trelation" if htr else "head\trelation\ttail"] * header + lines
        lines = [str(len(lines))] * (counted and not header) + lines
        name = file.replace(".txt", "2id.txt") if openke else file
        made.files[name] = "".join(f"{line}\n" for line in lines)


def _attach(made: Layout, draw: Callable, pick: Callable) -> None:
    count = len(made.names)
    more = draw(st.integers(0, 2))
    numbers = [int(name) if name.isdigit() else -1 for name in made.names]
    if made.attached == "number as place" and made.naming in NO_NUMBERS:
        made.attached = "place of id"
    if made.attached == "rank" and made.ids != "none":  # rows are in the order of a file of ids
        made.attached = "place of id"
    if made.attached == "number as place":
        made.rows = [-1] * (max(numbers) + 1 + more)
        for entity, number in enumerate(numbers):
            made.rows[number] = entity
    elif made.attached == "rank" or (made.attached == "place of id" and made.ids == "none"):
        made.attached = "rank"  # nobody knows ids that no file has: names are sorted
        ranked = sorted(range(count), key=lambda e: (numbers[e], made.names[e]))
        if made.naming == "gaps":  # who numbers with gaps lists the entities from the triples
            ends = {end for rows in made.triples.values() for row in rows for end in row[::2]}
            ranked, more = [entity for entity in ranked if entity in ends], 0
        made.rows = ranked + [-1] * more
    elif made.attached == "place of id":
        made.rows = list(made.order)
    else:
        _attach_by_ids(made, draw, pick, more)
    kinds = ("npy", "npz") if made.row_ids is None else ("txt", "json", "npz")
    made.stored = pick(kinds)


def _attach_by_ids(made: Layout, draw: Callable, pick: Callable, more: int) -> None:
    count = len(made.names)
    kept = draw(st.sets(st.integers(0, count - 1), min_size=1))
    rows = list(draw(st.permutations(sorted(kept))))
    rows += [rows[0]] * (2 * draw(st.booleans()))
    place = {entity: index for index, entity in enumerate(made.order)}
    if made.attached != "names" and made.ids == "none":
        made.attached = "names"
    if made.attached == "names":
        made.row_ids = [made.names[row] for row in rows] + [f"other {i}" for i in range(more)]
        rows += [-1] * more
        if more == 0 and made.naming not in ("words", "padded") and draw(st.booleans()):
            made.row_ids = [int(name) for name in made.row_ids]
    else:
        free = made.counted_from is None and made.naming in NO_NUMBERS and "list" in made.ids
        one = made.counted_from == 1 or (free and made.attached == "ids from 1")
        made.attached = "ids from 1" if one else "ids"
        made.row_ids = [place[row] + one for row in rows]
        if draw(st.booleans()):
            made.row_ids = [str(number) for number in made.row_ids]
    made.rows = rows


def write(made: Layout, folder: Path) -> Path:
    """Writes the layout, and gives the file of features."""
    for name, content in made.files.items():
        (folder / name).write_text(content, "utf-8")
    repeated = {row for row in made.rows if made.rows.count(row) > 1}
    spreads = {row: iter((-0.5, 0.5, 0.0)) for row in repeated}
    values = np.array(
        [
            encoded(row, next(spreads[row]) if row in spreads and row >= 0 else 0)
            for row in made.rows
        ],
        np.float32,
    )
    path = folder / f"image.{'npz' if made.stored == 'npz' else 'npy'}"
    if made.stored == "npz":
        ids = {} if made.row_ids is None else {"ids": np.array(made.row_ids)}
        np.savez(path, features=values, **ids)
        return path
    np.save(path, values)
    if made.stored == "txt":
        text = "".join(f"{name}\n" for name in made.row_ids or ())
        (folder / "image.ids.txt").write_text(text, "utf-8")
    if made.stored == "json":
        (folder / "image.ids.json").write_text(json.dumps(made.row_ids), "utf-8")
    return path


def outcome(made: Layout, folder: Path) -> tuple[str, str]:
    """`matched`, `refused` or `astray`, and how or why: reads the folder and checks every row."""
    path = write(made, folder)
    try:
        graph = read(folder)
        found = load_matrix(path, graph.entities, graph.naming)
    except UserError as error:
        return "refused", str(error)
    wrong = set()
    for split, rows in made.triples.items():
        ids = graph.splits[split]
        if len(ids) != len(rows):
            return "astray", f"{len(ids)} triples of {len(rows)} in {split}"
        for (h, r, t), (head, relation, tail) in zip(rows, ids.tolist(), strict=True):
            pairs = ((h, head), (t, tail))
            wrong |= {pair for pair in pairs if not _right(made, found, graph.entities, *pair)}
            if graph.relations[relation] != RELATIONS[r]:
                return "astray", f"{graph.relations[relation]} is {RELATIONS[r]}"
    for index, name in enumerate(graph.entities):
        if name not in made.names:
            return "astray", f"there is no entity {name!r}"
        if not _right(made, found, graph.entities, made.names.index(name), index):
            wrong.add((made.names.index(name), index))
    if wrong:
        return "astray", f"entities and their ids {sorted(wrong)}"
    return "matched", str(found.notes["rows"])


def _right(made: Layout, found, names: tuple[str, ...], entity: int, index: int) -> bool:
    """Whether an entity's name and features are those of the graph's entity `index`."""
    if names[index] != made.names[entity]:
        return False
    if entity not in made.rows:
        return not found.present[index]
    return bool(found.present[index]) and np.allclose(found.values[index], encoded(entity))
