"""A graph as `remote-jax graph` wrote it, to be asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.data.files import read_json, read_lines
from remote_jax.data.jsonl import check_text, parse, show
from remote_jax.errors import Refused, UserError, nearest
from remote_jax.graph.build import ENTITIES, FACTS, SUMMARY
from remote_jax.graph.completion import too_small
from remote_jax.graph.entities import Entity
from remote_jax.graph.extraction import last_part
from remote_jax.graph.facts import symmetric
from remote_jax.graph.names import clean, key, shown
from remote_jax.roam.data.nearest import Names

RUN = "roam-run"
"""A run of ROAM that is found without being named, in the folder of the graph."""

CONFIG = "config.json"
"""What each run has from its start on."""

MAX_ROW = 2**25
MAX_SUMMARY = 2**24


@dataclass(frozen=True)
class Statement:
    """A post that states a fact: its id, its date, its sentence, and how probable that is."""

    id: str
    date: str | None
    probability: float
    text: str


@dataclass(frozen=True)
class Fact:
    """A row of `facts.jsonl`; head and tail are ids of entities.

    Attributes:
        support: the number of posts that state it.
        posts: the most probable of them.
        contradicts: ids of facts that cannot hold beside it.
    """

    id: str
    head: str
    relation: str
    tail: str
    probability: float
    support: int
    posts: tuple[Statement, ...]
    first: str | None = None
    last: str | None = None
    contradicts: tuple[str, ...] = ()


class KnowledgeGraph:
    """Entities and facts, found by name and by neighbour.

    Attributes:
        entities, facts: by id.
        labels: entities by the names that ROAM knows them by.
        relations: names, sorted; `both_ways` are those of which either end may be the head.
        folder: that it was read from.
        too_small: why ROAM cannot complete it, a sentence; "" if it can.
    """

    def __init__(
        self,
        entities: Mapping[str, Entity],
        facts: Mapping[str, Fact],
        both_ways: str = "auto",
        folder: Path | None = None,
        too_small: str = "",
    ):
        self.entities, self.facts, self.folder = entities, facts, folder
        self.too_small = too_small
        self.relations = sorted({one.relation for one in facts.values()})
        flags = symmetric(self.relations, both_ways)
        self.both_ways = {name for name, both in zip(self.relations, flags, strict=True) if both}
        self.labels = {one.label: one for one in entities.values()}
        self._of: dict[str, list[Fact]] = defaultdict(list)
        for one in facts.values():
            for end in {one.head, one.tail}:
                self._of[end].append(one)

    def facts_of(self, entity: str) -> list[Fact]:
        """The facts about an entity."""
        return self._of.get(entity, [])

    @cached_property
    def _named(self) -> list[dict[str, list[str]]]:
        """Ids of entities by name, by the key of a name, by alias, and by the key of an alias."""
        tables: list[dict[str, list[str]]] = [defaultdict(list) for _ in range(4)]
        for one in self.entities.values():
            for name, exact, compared in ((one.name, 0, 1), *((x, 2, 3) for x in one.aliases)):
                tables[exact][name].append(one.id)
                tables[compared][key(name)].append(one.id)
        return tables

    @cached_property
    def _nearest(self) -> Names:
        names = {x for one in self.entities.values() for x in (one.name, *one.aliases)}
        return Names(sorted(names))

    def find(self, name: str) -> list[Entity]:
        """The entities of an id, a name or an alias; case and punctuation count last.

        Several share a name, and none has one that is not known.
        """
        if name in self.entities:
            return [self.entities[name]]
        text = clean(name) if name else ""
        forms = (text, key(text), text, key(text))
        for table, form in zip(self._named, forms, strict=True):
            if found := set(table.get(form, ())):
                return [self.entities[id_] for id_ in sorted(found, key=lambda id_: int(id_[1:]))]
        return []

    def near(self, name: str) -> tuple[str, ...]:
        """The known names and aliases that are most like a name."""
        return self._nearest.nearest(clean(name) if name else "")

    def entity(self, name: str) -> Entity:
        """The only entity that `find` finds.

        Raises:
            Refused: there is none, or there are several.
        """
        found = self.find(name)
        if len(found) == 1:
            return found[0]
        text = clean(name) if name else ""
        if found:
            several = ", ".join(map(_told, found[:5])) + ", ..." * (len(found) > 5)
            raise Refused(f"{show(text)} may be {several}: ask by the id")
        near = " or ".join(repr(shown(one)) for one in self.near(name))
        meant = f" (did you mean {near}?)" if near else ""
        raise Refused(f"the graph has no entity {show(text)}{meant}")

    def relation(self, name: str) -> str:
        """The relation of a full name, or of a last part that one relation alone has.

        Raises:
            Refused: there is none, or there are several.
        """
        if name in self.relations:
            return name
        found = [one for one in self.relations if last_part(one) == name]
        if len(found) == 1:
            return found[0]
        if found:
            raise Refused(f"{name!r} may be {' or '.join(found)}: write the whole name")
        if not self.relations:
            why = self.too_small or "its posts state none"
            raise Refused(f"the graph has no facts, so no relation can be asked for: {why}")
        known = [*self.relations, *map(last_part, self.relations)]
        raise Refused(f"the graph has no relation {show(name)}{nearest(name, known)}")


def _told(one: Entity) -> str:
    return f"{one.id} ({shown(one.name, 60)}{', ' * bool(one.type)}{one.type})"


def run_of(graph: KnowledgeGraph, run: Path | None) -> Path | None:
    """The run of ROAM that is named, or else the one in the folder of a graph, if it is there.

    A graph that is too small for ROAM has none: what is there is of another graph, or of an attempt
    that ended before it began.
    """
    if run is not None or graph.folder is None or graph.too_small:
        return run
    own = graph.folder / RUN
    return own if (own / CONFIG).is_file() else None


def read(folder: Path) -> KnowledgeGraph:
    """The graph in a folder.

    Raises:
        UserError: it has none, or one that is damaged.
    """
    if not (folder / SUMMARY).is_file():
        raise UserError(
            f"{folder} has no {SUMMARY}, expected a folder that `remote-jax graph` has finished."
        )
    summary = read_json(folder / SUMMARY, MAX_SUMMARY)
    settings = summary.get("settings")
    both_ways = settings.get("symmetric") if isinstance(settings, dict) else None
    entities = {one.id: one for one in _rows(folder / ENTITIES, _entity)}
    facts = {one.id: one for one in _rows(folder / FACTS, _fact)}
    for one in facts.values():
        if one.head not in entities or one.tail not in entities:
            raise UserError(f"{folder / FACTS}: {one.id} is of an entity that {ENTITIES} lacks.")
    both_ways = both_ways if isinstance(both_ways, str) else "auto"
    return KnowledgeGraph(entities, facts, both_ways, folder, too_small(summary))


def _rows(path: Path, make: Any) -> Iterator[Any]:
    for number, line in read_lines(path, MAX_ROW):
        try:
            if isinstance(line, Refused):
                raise line
            yield make(parse(line))
        except (Refused, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{path}, line {number} is no row of a graph ({error}); make the graph anew."
            ) from error


def _entity(row: Mapping[str, Any]) -> Entity:
    counts = (int(row[name]) for name in ("mentions", "objects", "posts"))
    names = [check_text(one, "a name") for one in (row["name"], *row["aliases"])]
    id_ = check_text(row["id"], "id")
    if not id_[1:].isdecimal():
        raise Refused(f"id must be such as E1, found {show(id_)}")
    return Entity(id_, names[0], tuple(names[1:]), str(row["type"]), *counts)


def _fact(row: Mapping[str, Any]) -> Fact:
    posts = tuple(
        Statement(
            check_text(one["id"], "id"),
            _date(one["date"]),
            _probability(one["probability"]),
            str(one["text"]),
        )
        for one in row["posts"]
    )
    return Fact(
        id=check_text(row["id"], "id"),
        head=check_text(row["head"], "head"),
        relation=check_text(row["relation"], "relation"),
        tail=check_text(row["tail"], "tail"),
        probability=_probability(row["probability"]),
        support=int(row["support"]),
        posts=posts,
        first=_date(row.get("first")),
        last=_date(row.get("last")),
        contradicts=tuple(str(one) for one in row.get("contradicts", ())),
    )


def _date(value: object) -> str | None:
    return None if value is None else check_text(value, "a date")


def _probability(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:  # NaN is neither
        raise Refused(f"a probability must be in [0, 1], found {show(value)}")
    return float(value)
