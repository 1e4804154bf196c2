"""The example on the page of graphs: its commands print what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pages import ROOT, write_examples

from remote_jax import main
from remote_jax.graph.settings import KEYS

PAGE = ROOT / "docs" / "graph.md"
EXAMPLE = re.compile(r"```sh\n([^`]*)```\n\n```text\n([^`]*)```")


def test_commands_print_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_examples(PAGE, tmp_path)
    monkeypatch.chdir(tmp_path)
    found = EXAMPLE.findall(PAGE.read_text("utf-8"))
    assert len(found) == 2
    for commands, printed in found:
        for command in commands.splitlines():
            assert main.main(shlex.split(command)) == 0
        assert capsys.readouterr().out.strip() == printed.strip()


def test_settings_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`?(?:--no)?(graph\.[a-z_]+)", PAGE.read_text("utf-8")))
    assert named - {"graph.nt", "graph.graphml", "graph.md"} <= set(KEYS)
