"""The graph as the CSV files that `neo4j-admin database import` reads.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`: such a text gets an apostrophe
before it (OWASP, "CSV Injection"). `entities.jsonl` has the names as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from remote_jax.graph.facts import dates
from remote_jax.graph.writers.rows import Knowledge, fact_id
from remote_jax.reporting.results import write_atomically

NODES = ("entity:ID", "name", "aliases:string[]", "mentions:int", "posts:int", ":LABEL")
RELATIONSHIPS = (
    ":START_ID",
    "fact",
    "probability:double",
    "support:int",
    "first",
    "last",
    ":END_ID",
    ":TYPE",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
UNTYPED = "entity"


def safe(text: str) -> str:
    """A text that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text


def write(knowledge: Knowledge, folder: Path) -> None:
    """Writes `nodes.csv` and `relationships.csv`.

    Raises:
        UserError: the folder cannot be written.
    """
    write_atomically(folder / "nodes.csv", _lines(NODES, _nodes(knowledge)))
    write_atomically(folder / "relationships.csv", _lines(RELATIONSHIPS, _relationships(knowledge)))


def _nodes(knowledge: Knowledge) -> Iterator[list[object]]:
    for one in knowledge.entities.rows:
        aliases = ";".join(alias.replace(";", ",") for alias in one.aliases)
        label = one.type.replace(";", ",") or UNTYPED
        yield [one.id, safe(one.name), safe(aliases), one.mentions, one.posts, safe(label)]


def _relationships(knowledge: Knowledge) -> Iterator[list[object]]:
    facts = knowledge.facts
    for row in range(len(facts)):
        head, relation, tail = knowledge.fact(row)
        known = dates(knowledge.extraction, facts, row)
        probability, support = float(facts.probability[row]), int(facts.support[row])
        first, last = (safe(known.get(key, "")) for key in ("first", "last"))
        yield [head, fact_id(row), probability, support, first, last, tail, safe(relation)]


def _lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    for row in chain([header], rows):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()
