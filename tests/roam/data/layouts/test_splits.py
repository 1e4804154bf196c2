"""What is said where the files of splits are not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.roam.data.triples import Options, read

ROWS = "a\tr\tb\nb\tr\ta\n"
MERGE = "or add the lines of {} to train.txt, move {} away and set --config.data.holdout=0.1."


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"triples.txt": ROWS}, "triples.txt has three columns: if they are triples, rename it to"),
        ({"triples.tsv": ROWS}, "triples.tsv has three columns: if they are triples, rename it to"),
        ({"train.csv": "a,r,b\n"}, "train.csv has three columns: write it as train.txt, with tabs"),
        ({"a.txt": ROWS, "training.txt": ROWS}, "; training.txt has three columns"),
        ({"notes.txt": "a b\n", "x.txt": "\xff"}, "expected train.txt or train2id.txt."),
        ({"entities.txt": "a b c\n", "empty.txt": ""}, "expected train.txt or train2id.txt."),
        ({"train.txt": ROWS, "a.txt": ROWS}, "a tenth of train.txt for each, set --config"),
        ({"train.tsv": ROWS}, "a tenth of train.tsv for each, set --config.data.holdout=0.1."),
        (
            {"train.txt": ROWS, "validation.txt": ROWS, "test.txt": ROWS},
            "validation.txt has three columns: if they are triples, rename it to valid.txt.",
        ),
        (
            {"train.txt": ROWS, "test.txt": ROWS},
            "; write valid.txt, " + MERGE.format("test.txt", "test.txt"),
        ),
        (
            {"train.txt": ROWS, "dev.txt": ROWS},
            "; write test.txt, " + MERGE.format("dev.txt", "dev.txt"),
        ),
    ],
)
def test_missing_files(tmp_path: Path, files: dict[str, str], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content, "latin-1")
    with pytest.raises(UserError, match=re.escape(said)):
        read(tmp_path)


def test_a_split_of_more_than_one_file(tmp_path: Path) -> None:
    wanted = Options(holdout=0.1)
    (tmp_path / "graph.tsv").write_text(ROWS)
    with pytest.raises(UserError, match=r"expected train\.txt .*; graph\.tsv has three columns"):
        read(tmp_path, wanted)
    for name in ("train.txt", "test.txt"):
        (tmp_path / name).write_text(ROWS)
    with pytest.raises(UserError, match=r"alone: set it to 0, and write valid\.txt, or add the"):
        read(tmp_path, wanted)
    (tmp_path / "valid.txt").write_text(ROWS)
    with pytest.raises(UserError, match=r"holdout, which is 0\.1, is .* alone: set it to 0\."):
        read(tmp_path, wanted)
