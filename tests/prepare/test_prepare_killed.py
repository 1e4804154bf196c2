"""Killed midway: nothing that was answered is asked twice, and nothing is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from scripted import Asked, Reply, entities, lines, said, serving, write_posts

from remote_jax.prepare.store import Store

POSTS, WORKERS = 40, 4


def start(posts: Path, output: Path, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "remote_jax.main", "prepare", str(posts)]
    flags = [f"--output={output}", f"--endpoint={url}", "--model=m", "--steps=entities,captions"]
    return subprocess.Popen([*command, *flags, f"--concurrency={WORKERS}"])


def test_killed_midway_nothing_is_asked_twice_and_nothing_is_lost(tmp_path: Path) -> None:
    rows = [{"id": i, "text": f"Ann{i} sings", "image": f"{i % 5}.png"} for i in range(POSTS)]
    posts = write_posts(tmp_path, *rows, pictures=5)
    limit, lock, free = [25], threading.Lock(), threading.Event()

    def script(asked: Asked) -> Reply:
        with lock:
            limit[0] -= 1
            held = limit[0] < 0
        if held:  # no answer before the kill
            free.wait(60)
        name = asked.post["text"].split()[0]
        if asked.schema == "entities":
            return said(entities((name, "per", "")))
        return said({"picture": f"a picture of {name}", "objects": []})

    def answered() -> Counter[tuple[str, str]]:
        return Counter((one.schema, one.post["text"]) for one in server.asked if one.answered)

    with serving(script) as server:
        killed = start(posts, tmp_path / "out", server.url)
        while len(server.asked) < 25 + WORKERS:  # all workers wait for an answer
            assert killed.poll() is None
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        before = answered()
        assert before.total() == 25
        assert not (tmp_path / "out" / "posts.jsonl").exists()
        first = len(server.asked)
        limit[0] = 10**9
        free.set()
        done = start(posts, tmp_path / "out", server.url)
        assert done.wait() == 0
        after = Counter((one.schema, one.post["text"]) for one in server.asked[first:])
    assert not before & after  # nothing that was answered is asked again
    assert len(before | after) == 2 * POSTS and (before | after).total() == 2 * POSTS
    found = lines(tmp_path / "out" / "posts.jsonl")
    assert [(row["id"], row["entities"][0]["name"]) for row in found] == [
        (i, f"Ann{i}") for i in range(POSTS)
    ]
    captions = [row["caption"] for row in lines(tmp_path / "out" / "provenance.jsonl")]
    assert captions == [f"a picture of Ann{i}" for i in range(POSTS)]


def test_an_answer_is_on_the_disk_when_it_is_given(tmp_path: Path) -> None:
    """A process dies right after an answer, without closing anything."""
    path = tmp_path / "answers.sqlite"
    program = (
        "import os, sys; from pathlib import Path; from remote_jax.prepare.store import Store\n"
        "Store(Path(sys.argv[1])).once('a', lambda: {'x': 1}); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, path])
    assert done.returncode == -signal.SIGKILL
    assert Store(path).once("a", dict) == ({"x": 1}, False)


def test_threads_that_ask_for_the_same_share_one_answer(tmp_path: Path) -> None:
    store, calls, gate = Store(tmp_path / "x.sqlite"), [], threading.Event()

    def ask() -> dict[str, int]:
        calls.append(1)
        gate.wait(10)
        return {"x": 1}

    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(store.once("a", ask))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    gate.set()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and found.count(({"x": 1}, True)) == 1 and len(found) == 4


def test_an_error_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "x.sqlite")
    with pytest.raises(ZeroDivisionError):
        store.once("a", lambda: {"x": 1 / 0})
    assert store.once("a", lambda: {"x": 2}) == ({"x": 2}, True)
    store.forget("a")
    assert store.once("a", lambda: {"x": 3}) == ({"x": 3}, True)
