"""A command says at once what it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("mode", ["train", "predict"])
def test_the_first_line_comes_before_what_takes_seconds(tmp_path: Path, mode: str) -> None:
    """jax, and all that reads data or trains, is imported after it."""
    code = (
        "import os, sys\n"
        "from remote_jax.main import main\n"
        "class First:\n"
        "    def write(self, text):\n"
        "        heavy = {'jax', 'flax', 'grain', 'orbax', 'tensorflow_datasets', 'transformers'}\n"
        "        sys.stderr.write(f'{text}|{sorted(heavy & sys.modules.keys())}')\n"
        "        sys.stderr.flush()\n"
        "        os._exit(0)\n"
        "    def flush(self):\n"
        "        pass\n"
        "sys.stdout = First()\n"
        "main(['remote-jax', *sys.argv[1:]])\n"
    )
    (tmp_path / "posts.jsonl").write_text("{}\n")
    posts = [f"--input={tmp_path / 'posts.jsonl'}", f"--output={tmp_path / 'answers.jsonl'}"]
    flags = ["--config=umre", f"--workdir={tmp_path}", f"--mode={mode}"]
    flags += posts if mode == "predict" else []
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], capture_output=True, text=True, timeout=120
    )
    assert done.stderr == f"{mode} in {tmp_path}|[]"
