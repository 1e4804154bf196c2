"""The server as a process: it starts, answers, refuses endless bodies, and ends in order."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote_jax import main

TOKEN = "0123456789abcdef-secret"


@pytest.fixture(scope="module")
def server(graph_folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "remote_jax.main", "serve"]
    flags = [f"--graph={graph_folder}", "--port=0", "--body=1", "--timeout=2"]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.fullmatch(r"Serving at http://127\.0\.0\.1:(\d+); Ctrl-C ends it\.\n", line)
        assert found, line
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def get(port: int, path: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    found = connection.getresponse()
    return found.status, json.loads(found.read())


def test_it_answers(server: tuple[subprocess.Popen[str], int]) -> None:
    status, found = get(server[1], "/health")
    assert (status, found["status"], found["runs"]) == (200, "ready", [])


def test_another_server_does_not_take_its_port(
    server: tuple[subprocess.Popen[str], int],
    graph_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert serve(f"--graph={graph_folder}", f"--port={server[1]}") == 2
    assert "Address already in use; name others" in capsys.readouterr().err


def test_a_body_without_an_end_is_refused(server: tuple[subprocess.Popen[str], int]) -> None:
    with socket.create_connection(("127.0.0.1", server[1]), timeout=20) as sent:
        head = "POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        sent.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        try:
            for _ in range(1000):  # 65 MB
                sent.sendall(chunk)
        except OSError:
            pass  # it has closed the connection
        else:
            raise AssertionError("all of it was taken")
    assert get(server[1], "/health")[0] == 200


def test_sigterm_ends_it_with_what_is_under_way(
    server: tuple[subprocess.Popen[str], int],
) -> None:
    process, port = server
    slow = socket.create_connection(("127.0.0.1", port), timeout=20)
    head = b"POST /ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    question = b'{"entity": "E1", "relation": "member_of"}'
    slow.sendall(head + b"Content-Length: %d\r\n\r\n" % len(question) + question[:5])
    assert get(port, "/health")[0] == 200  # and so the other request is begun
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.2)
    slow.sendall(question[5:])
    assert slow.recv(12) == b"HTTP/1.1 200"
    slow.close()
    assert process.wait(10) == -signal.SIGTERM  # 143, as a shell says it
    assert time.monotonic() - began < 8
    with pytest.raises(OSError):
        get(port, "/health")


def serve(*flags: str) -> int:
    return main.main(["remote-jax", "serve", *flags])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ((), "Name what to serve"),
        (("--graph=nowhere",), "has no summary.json"),
        (("--run=nowhere",), "nowhere"),
        (("--graph=GRAPH", "--host=0.0.0.0"), "may be reached by others"),
        (("--graph=GRAPH", "--host=0.0.0.0", "--token-file=nowhere"), "nowhere cannot be read"),
        (("--graph=GRAPH", "--host=\x00"), "may be reached by others"),
        (("--graph=GRAPH", "--port=65536"), "--port must be from 0 to 65,535, found 65536"),
        (("--graph=GRAPH", "--timeout=nan"), "--timeout must be from 0.1 to 3,600, found nan"),
        (("--graph=GRAPH", "--requests=0"), "--requests must be from 1"),
        (("--graph=GRAPH", "--body=0"), "--body must be from 1"),
    ],
)
def test_mistakes_on_the_command_line(
    graph_folder: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    ports = () if any("port" in flag for flag in flags) else ("--port=0",)
    assert serve(*(flag.replace("GRAPH", str(graph_folder)) for flag in flags), *ports) == 2
    assert said in capsys.readouterr().err


def test_an_address_of_another_machine(
    tmp_path: Path, graph_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    token = f"--token-file={tmp_path / 'token'}"
    for host in ("192.0.2.1", "no host", "a\x00"):
        assert serve(f"--graph={graph_folder}", f"--host={host}", "--port=0", token) == 2
        assert "cannot be used" in capsys.readouterr().err


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert serve("--graph=x") == 2
    assert "serve needs fastapi and uvicorn: pip install -e '.[serve]'" in capsys.readouterr().err
