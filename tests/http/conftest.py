"""A server of a small graph with fabricated models, in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from extracted_posts import small, write
from fastapi.testclient import TestClient

from remote_jax.data.posts import Answer
from remote_jax.graph import build, reading
from remote_jax.graph.settings import defaults
from remote_jax.http.app import application
from remote_jax.http.limits import Limits
from remote_jax.http.served import Served
from remote_jax.remote.answers import Relations
from remote_jax.roam.answers import Candidate, Candidates


class Roam:
    """Answers every query with the same candidates; keeps the calls."""

    system, checksum = "roam", 7
    names = ("Kelano (E4)", "Radipo (E5)", "Sanora United (E3)", "Divafen Rokel (E2)")

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def predict(self, posts: Sequence[Any]) -> list[Answer]:
        self.calls.append(list(posts))
        found = tuple(Candidate(x, 1.0, 0.5 / n, False) for n, x in enumerate(self.names, 1))
        return [Candidates(id=one.get("id"), answers=found[: one.get("top", 10)]) for one in posts]


class Remote:
    """Waits for `go`, keeps the posts, and finds nothing; fails where a post says `fail`."""

    system, checksum = "remote", 8

    def __init__(self) -> None:
        self.posts: list[Any] = []
        self.go = threading.Event()
        self.go.set()

    def predict(self, posts: Sequence[Any]) -> list[Answer]:
        assert self.go.wait(60)
        self.posts += posts
        if any(one.get("text") == "fail" for one in posts):
            raise RuntimeError("a secret of the server")
        return [Relations(id=one.get("id"), asked=1) for one in posts]


@pytest.fixture(scope="session")
def graph_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("http")
    settings = defaults()
    settings.graph.exports = ""
    extracted = write(folder / "extracted", small())
    build.build(build.Sources(extracted), folder / "graph", settings)
    return folder / "graph"


@pytest.fixture
def served(graph_folder: Path) -> Served:
    models = {"roam": Roam(), "remote": Remote()}
    folders = {system: f"{system}-run" for system in models}
    return Served(reading.read(graph_folder), models, folders, "1.2.3")


Start = Callable[..., TestClient]


@pytest.fixture
def start(served: Served) -> Start:
    """A client of a server with other limits, a token, or nothing to serve."""

    def start(
        what: Served = served, *, token: str | None = None, loopback: bool = True, **limits: Any
    ) -> TestClient:
        app = application(what, Limits(**limits), token=token, loopback=loopback)
        return TestClient(app, "http://localhost:8000", raise_server_exceptions=False)

    return start


@pytest.fixture
def client(start: Start) -> TestClient:
    return start()
