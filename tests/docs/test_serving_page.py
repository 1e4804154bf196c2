"""The page on serving: its requests get the answers that it shows, and its flags exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pages import ROOT, write_examples

from remote_jax import main
from remote_jax.graph import reading
from remote_jax.http.app import application
from remote_jax.http.limits import Limits
from remote_jax.http.served import Served

PAGE = ROOT / "docs" / "serving-http.md"
EXAMPLE = re.compile(r"```sh\ncurl ([^`]*)\n```\n\n```json\n([^`]*)\n```")


def test_requests_get_the_answers_of_the_page(tmp_path: Path) -> None:
    write_examples(ROOT / "docs" / "graph.md", tmp_path)
    folder, extracted = tmp_path / "graph", tmp_path / "extracted"
    made = main.main(["remote-jax", "graph", str(extracted), f"--output={folder}"])
    served = Served(reading.read(folder), {}, {}, "1")
    client = TestClient(
        application(served, Limits(), token=None, loopback=True), "http://localhost:8000"
    )
    found = EXAMPLE.findall(PAGE.read_text("utf-8"))
    assert (made, len(found)) == (0, 4)
    for command, printed in found:
        _, url, *sent = shlex.split(command)
        if sent:
            headers = {"content-type": "application/json"}
            answer = client.post(f"http://{url}", content=sent[1], headers=headers)
        else:
            answer = client.get(f"http://{url}")
        assert answer.text == printed


def test_flags_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["remote-jax", "serve", "--help"])
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"`(--[a-z-]+)", page)) <= known
    assert {"--graph", "--token-file", "--timeout", "--requests", "--body"} <= known
