"""A server that is killed keeps every change that it answered, and a page goes on with the next."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from pathlib import Path

import labelled_folder as folders
import pytest
from labelled_folder import relation
from served import Server

pytest.importorskip("uvicorn", reason="of the extra `annotate`")
pytest.importorskip("httpx", reason="of the extra `test`")

import httpx

from remote_jax.annotate import vocabulary
from remote_jax.annotate.store import FILE

PAIRS = [("e0", "e1"), ("e0", "e2"), ("e0", "o0"), ("e1", "o1"), ("o0", "o1")]
KILLS = 3


def labelling(server: Server, answered: list[tuple[str, str]], seed: int) -> None:
    """Sends changes until the server is gone; notes those that are answered."""
    draw = random.Random(seed)
    relations = vocabulary.published("umre").relations
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", follow_redirects=True) as page:
        page.get(server.addresses["ana"]).raise_for_status()
        while True:
            change = relation(*draw.choice(PAIRS), draw.choice(relations))
            name = f"{draw.getrandbits(64):016x}"
            body = {"batch": name, "values": [change]}
            origin = {"origin": f"http://127.0.0.1:{server.port}"}
            try:
                answer = page.post("/ana/api/posts/0", json=body, headers=origin)
            except httpx.TransportError:
                return
            assert answer.status_code == 200, answer.text
            kept = answer.json()["relations"][change["item"]]["relation"]
            assert kept == change["value"]["relation"]
            answered.append((change["item"], kept))


def test_what_is_answered_is_there_after_kill_9(tmp_path: Path) -> None:
    folder = folders.write(tmp_path, [folders.IN_WORDS])
    answered: list[tuple[str, str]] = []
    flags: tuple[str, ...] = ("--annotators=ana,ben", "--adjudicator=eva")
    addresses = None
    port = 0
    for attempt in range(KILLS):
        server = Server(folder, *flags, port=port)
        try:
            assert addresses in (None, server.addresses)  # open pages go on
            flags, addresses, port = (), server.addresses, server.port
            before = len(answered)
            thread = threading.Thread(target=labelling, args=(server, answered, attempt))
            thread.start()
            while len(answered) < before + 20 + 7 * attempt:
                assert thread.is_alive()
                time.sleep(0.001)
        finally:
            server.kill()
        thread.join()
        with sqlite3.connect(folder / FILE) as connection:
            query = "SELECT item, after FROM changes ORDER BY number"
            kept = [
                (item, json.loads(after)["relation"]) for item, after in connection.execute(query)
            ]
        # A change to what was there already is none. One may be kept whose answer was not sent.
        expected, now = [], {}
        for item, name in answered:
            if now.get(item) != name:
                expected.append((item, name))
            now[item] = name
        assert kept[: len(expected)] == expected
        assert len(kept) <= len(expected) + 1
        answered[:] = kept
    assert len(answered) > 60
