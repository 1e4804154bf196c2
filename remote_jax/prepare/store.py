"""Answers that are kept as soon as they come, so that nothing is asked twice: a file of SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError, writing

TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL)"


class Store:
    """Answers by their keys (`step.key`). Used by several threads; close it at the end.

    Every answer is on the disk before the next is asked for by the same thread, so a killed process
    loses only those that were under way.
    """

    def __init__(self, path: Path):
        """Opens or makes the file.

        Raises:
            UserError: it cannot be written, or is none.
        """
        self._path = path
        self._lock = threading.Lock()
        self._coming: dict[str, Future[Mapping[str, Any]]] = {}
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute(TABLE)
        except sqlite3.Error as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._database.close()

    def once(
        self, key: str, ask: Callable[[], Mapping[str, Any]]
    ) -> tuple[Mapping[str, Any], bool]:
        """The answer of a key, and whether it was asked for now.

        Where another thread asks for it at this moment, its answer is waited for.

        Raises:
            UserError: the file is damaged or cannot be written; and as `ask`.
        """
        with self._lock:
            kept = self._read(key)
            if kept is not None:
                return kept, False
            coming = self._coming.get(key)
            if coming is None:
                mine = self._coming[key] = Future()
        if coming is not None:
            return coming.result(), False
        try:
            answer = ask()
            with self._lock:
                self._write(key, answer)
            mine.set_result(answer)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._coming[key]
        return answer, True

    def forget(self, key: str) -> None:
        """The answer of a key is asked for anew with the next start."""
        with self._lock:
            self._execute("DELETE FROM answers WHERE key = ?", (key,))

    def _read(self, key: str) -> Mapping[str, Any] | None:
        rows = self._execute("SELECT answer FROM answers WHERE key = ?", (key,))
        try:
            return json.loads(rows[0][0]) if rows else None
        except ValueError as error:
            raise UserError(f"{self._path} is damaged: {error}.") from error

    def _write(self, key: str, answer: Mapping[str, Any]) -> None:
        text = json.dumps(answer)
        self._execute("INSERT OR REPLACE INTO answers VALUES (?, ?)", (key, text))

    def _execute(self, command: str, values: tuple[str, ...]) -> list[tuple[str]]:
        try:
            with closing(self._database.execute(command, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from error

    def _error(self, error: sqlite3.Error) -> UserError:
        return UserError(f"Answers cannot be kept in {self._path}: {error}.")
