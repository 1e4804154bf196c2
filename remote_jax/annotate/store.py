"""Labels in SQLite, as a list of changes that only grows: who, when, what, from what, to what.

A change is committed and on the disk (`synchronous=FULL`) before `append` returns. What is valid
now is a view of the changes; to undo is to change back. Triggers refuse to rewrite the list. A
person may be renamed: changes keep the name under which they were made, and another list says who
called whom what.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from remote_jax.errors import Refused, UserError

FILE = "labels.sqlite"
FORMAT = 2
BUSY_SECONDS = 10
ANNOTATOR, ADJUDICATOR = "annotator", "adjudicator"

SCHEMA = """
CREATE TABLE people (name TEXT PRIMARY KEY, role TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE posts (id TEXT PRIMARY KEY, digest TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL, person TEXT NOT NULL REFERENCES people, post TEXT NOT NULL REFERENCES posts,
  batch TEXT NOT NULL, undoes TEXT, item TEXT NOT NULL, before TEXT, after TEXT
);
CREATE INDEX by_post ON changes (person, post, number);
CREATE VIEW labels AS
  SELECT person, post, item, after AS value, max(number) AS number FROM changes
  GROUP BY person, post, item;
CREATE TRIGGER unchanged BEFORE UPDATE ON changes BEGIN SELECT RAISE(ABORT, 'kept as it was'); END;
CREATE TRIGGER undeleted BEFORE DELETE ON changes BEGIN SELECT RAISE(ABORT, 'kept for good'); END;
"""

RENAMES = """
ALTER TABLE people ADD COLUMN called TEXT;
CREATE TABLE renames (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time TEXT NOT NULL, by TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL
);
CREATE TRIGGER same BEFORE UPDATE ON renames BEGIN SELECT RAISE(ABORT, 'kept as it was'); END;
CREATE TRIGGER all_kept BEFORE DELETE ON renames BEGIN SELECT RAISE(ABORT, 'kept for good'); END;
DROP VIEW labels;
CREATE VIEW labels AS
  SELECT coalesce(called, person) AS person, post, item, after AS value, max(number) AS number
  FROM changes JOIN people ON name = person GROUP BY coalesce(called, person), post, item;
"""
"""What format 2 has more than format 1. `called` is the present name of a person under a former
one; it is NULL for present names."""

Values = Mapping[str, Mapping[str, Any] | None]
"""Values by item, as JSON has them, the last changed last; None where it was taken away."""


@dataclass(frozen=True)
class Edit:
    """What one change does to one item."""

    item: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def as_row(self) -> tuple[str, str | None, str | None]:
        """The item and both values, as they are kept."""
        return self.item, _dump(self.before), _dump(self.after)


@dataclass(frozen=True)
class Batch:
    """Edits that were made at once.

    Attributes:
        name: drawn by who asked for it, so that asking twice is the same as once.
        undoes: the name of the batch that it takes back, if any.
    """

    name: str
    undoes: str | None
    edits: tuple[Edit, ...]


class Store:
    """The file of labels of a folder."""

    def __init__(self, folder: Path, *, new: bool = False):
        """Opens the file.

        Args:
            new: whether to make it where there is none.

        Raises:
            UserError: there is none, or it is no such file.
        """
        self._path = folder / FILE
        if not new and not self._path.exists():
            raise UserError(f"{folder} has no {FILE}: nothing has been labelled there.")
        self._lock = threading.RLock()  # a transaction reads what others say
        try:
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare()
        except sqlite3.Error as error:
            raise UserError(f"{self._path} cannot be used: {error}.") from error

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        with self._transaction() as cursor:
            (found,) = cursor.execute("PRAGMA user_version").fetchone()
            tables = cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if found == 0 and not tables:
                for statement in _statements(SCHEMA):
                    cursor.execute(statement)
                found = 1
            if found == 1:
                for statement in _statements(RENAMES):
                    cursor.execute(statement)
                cursor.execute(f"PRAGMA user_version={FORMAT}")
            elif found != FORMAT:
                raise UserError(f"{self._path} is not a file of labels of format {FORMAT}.")

    def close(self) -> None:
        """Closes the file; the rest of the object is then of no use."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that no other process can be in; all of it is kept, or nothing."""
        with self._lock, closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def people(self) -> dict[str, str]:
        """The role of each person, annotators first, by name."""
        query = "SELECT name, role FROM people WHERE called IS NULL ORDER BY role DESC, name"
        return dict(self._rows(query))

    def add_people(self, roles: Mapping[str, str]) -> None:
        """Adds people, all of them or nobody.

        Args:
            roles: of each name.

        Raises:
            UserError: one of them has another role or name, or there are two adjudicators.
        """
        with self._transaction() as cursor:
            people = self.people()
            for name, role in roles.items():
                self._check_called(name)
                if people.get(name, role) != role:
                    raise UserError(
                        f"{name} is {people[name]} in {self._path}, and cannot be {role}."
                    )
                others = [one for one in people if people[one] == ADJUDICATOR and one != name]
                if role == ADJUDICATOR and others:
                    raise UserError(
                        f"{others[0]} is the adjudicator in {self._path}; there is one."
                    )
                people[name] = role
            cursor.executemany("INSERT OR IGNORE INTO people VALUES (?, ?, NULL)", roles.items())

    def rename(self, old: str, new: str, by: str, check: Callable[[], None]) -> int:
        """Gives a person another name; returns the number of changes under other names.

        Args:
            by: who does it.
            check: called where there is somebody of that name, who is then the same person; what
                it raises leaves everything as it was.

        Raises:
            UserError: nobody has the one name, or the other is one of somebody else or of another
                role.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._transaction() as cursor:
            people = self.people()
            if old not in people or old == new:
                known = ", ".join(people) or "nobody"
                raise UserError(f"{old!r} cannot become {new!r}: {self._path} has {known}.")
            if self._called(new) not in (None, old):
                self._check_called(new)
            if people.get(new, people[old]) != people[old]:
                raise UserError(f"{new} is {people[new]}, and {old} is {people[old]}.")
            if new in people:
                check()
            cursor.execute("INSERT OR IGNORE INTO people VALUES (?, ?, NULL)", (new, people[old]))
            cursor.execute("UPDATE people SET called = ? WHERE ? IN (name, called)", (new, old))
            cursor.execute("UPDATE people SET called = NULL WHERE name = ?", (new,))
            values = (now, by, old, new)
            cursor.execute(
                "INSERT INTO renames (time, by, before, after) VALUES (?, ?, ?, ?)", values
            )
            count = "SELECT count(*) FROM changes JOIN people ON name = person WHERE called = ?"
            return cursor.execute(count, (new,)).fetchone()[0]

    def _called(self, name: str) -> str | None:
        """The present name of a person under a former name; None if it is no former name."""
        rows = self._rows("SELECT called FROM people WHERE name = ?", (name,))
        return rows[0][0] if rows else None

    def _check_called(self, name: str) -> None:
        """Raises a UserError for a former name."""
        if called := self._called(name):
            raise UserError(f"{name} was renamed, and is called {called} in {self._path}.")

    def digests(self) -> dict[str, str]:
        """The digest of each post that has a change, as it was when it had its first."""
        return dict(self._rows("SELECT id, digest FROM posts"))

    def values(self, person: str, post: str) -> Values:
        """What a person changed of a post, as it is now."""
        return _values(self._rows(_VALUES, (person, post)))

    def all_values(self, person: str) -> dict[str, Values]:
        """What a person changed, by post."""
        found: dict[str, dict[str, Any]] = {}
        for post, item, value, _ in self._rows(_ALL_VALUES, (person,)):
            found.setdefault(post, {})[item] = value and json.loads(value)
        return found  # type: ignore[return-value]

    def batches(self, person: str, post: str) -> list[Batch]:
        """What a person did to a post, in order."""
        return _batches(self._rows(_BATCHES, (person, post)))

    def append(
        self,
        person: str,
        post: tuple[str, str],
        batch: str,
        make: Callable[[Values, list[Batch]], tuple[str | None, Sequence[Edit]]],
    ) -> None:
        """Adds changes; when it returns, they are on the disk. A batch that is there is left.

        Args:
            post: its id and digest.
            batch: a name that no other has.
            make: of the person's values and batches of the post, the batch that is undone, if any,
                and the changes. What it raises leaves everything as it was.

        Raises:
            Refused: the person has another name by now.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._transaction() as cursor:
            if called := self._called(person):
                raise Refused(f"{person} is called {called} now; the server must be started again")
            before = _batches(cursor.execute(_BATCHES, (person, post[0])).fetchall())
            if any(one.name == batch for one in before):
                return
            values = _values(cursor.execute(_VALUES, (person, post[0])).fetchall())
            undoes, edits = make(values, before)
            cursor.execute("INSERT OR IGNORE INTO posts VALUES (?, ?)", post)
            cursor.executemany(
                "INSERT INTO changes (time, person, post, batch, undoes, item, before, after)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(*(now, person, post[0], batch, undoes), *edit.as_row()) for edit in edits],
            )


_MADE = " FROM changes WHERE person IN (SELECT name FROM people WHERE coalesce(called, name) = ?)"
# Not of the view `labels`, of which SQLite makes every row first: these search `by_post`.
_OF_POST = f"{_MADE} AND post = ?"
_VALUES = f"SELECT item, after, max(number) AS last{_OF_POST} GROUP BY item ORDER BY last"
_ALL_VALUES = (
    f"SELECT post, item, after, max(number) AS last{_MADE} GROUP BY post, item ORDER BY last"
)
_BATCHES = f"SELECT batch, undoes, item, before, after{_OF_POST} ORDER BY number"


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit before it."""
    statement = ""
    for line in script.strip().splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _values(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {item: value and json.loads(value) for item, value, _ in rows}


def _batches(rows: Sequence[tuple[Any, ...]]) -> list[Batch]:
    found: dict[str, Batch] = {}
    for name, undoes, item, before, after in rows:
        edit = Edit(item, before and json.loads(before), after and json.loads(after))
        earlier = found[name].edits if name in found else ()
        found[name] = Batch(name, undoes, (*earlier, edit))
    return list(found.values())


def _dump(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)
