"""Id files: every common name, either order of columns, a name a line, a count."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.roam.data.layouts import vocabularies
from remote_jax.roam.data.triples import read

NAMES = ("Ann Lee", "Ōsaka", "厦门")
TRIPLES = "Ōsaka\tr\tAnn Lee\nAnn Lee\tr\t厦门\n"


def write(folder: Path, triples: str = TRIPLES, **files: str) -> Path:
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(triples, "utf-8")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, "utf-8")
    return folder


@pytest.mark.parametrize(
    "file", ["entity2id.txt", "entities2id", "entity_ids.del", "entities.dict", "entities.txt"]
)
@pytest.mark.parametrize("line", ["{name}\t{index}\n", "{index}\t{name}\n", "{index} {name}\n"])
@pytest.mark.parametrize("counted", [False, True])
def test_either_order_by_any_name(tmp_path: Path, file: str, line: str, counted: bool) -> None:
    content = "".join(line.format(name=name, index=index) for index, name in enumerate(NAMES))
    write(tmp_path)
    (tmp_path / file).write_text("3\n" * counted + content, "utf-8")
    graph = read(tmp_path)
    assert graph.entities == NAMES and graph.naming.file == file and graph.naming.explicit
    assert graph.splits["train"].tolist() == [[1, 0, 0], [0, 0, 2]]


@pytest.mark.parametrize("count", ["", "3\n"])
def test_a_name_a_line(tmp_path: Path, count: str) -> None:
    write(tmp_path, entities__txt=count + "".join(f"{name}\n" for name in NAMES))
    graph = read(tmp_path)
    assert graph.entities == NAMES and not graph.naming.explicit
    with pytest.raises(UserError, match=r"'Ōsaka', which no id file has.* Add .* entities\.txt"):
        read(write(tmp_path, entities__txt="Ann Lee\n厦门\n"))


def test_the_commonest_file_counts_and_another_is_compared(tmp_path: Path) -> None:
    write(tmp_path, entity2id__txt="Ann Lee 0\nŌsaka 1\n厦门 2\n")
    assert read(tmp_path).naming.rival == ""
    (tmp_path / "entities.txt").write_text("Ann Lee\nŌsaka\n厦门\n", "utf-8")
    assert read(tmp_path).naming.rival == ""
    before = read(tmp_path).sha256
    (tmp_path / "entities.txt").write_text("厦门\nŌsaka\nAnn Lee\n", "utf-8")
    graph = read(tmp_path)
    assert graph.entities == NAMES and graph.naming.rival == "entities.txt"
    assert graph.sha256 == before
    (tmp_path / "entities.txt").write_text("no\tid file\n", "utf-8")
    assert read(tmp_path).naming.rival == ""


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("entities.txt", "a\nb\na\n", r"entities\.txt, line 3: 'a', names it again"),
        ("entities.txt", "a\tb\n", r"entities\.txt, line 1: 'a\\tb', expected a name and its id"),
        ("entities.txt", "2\n0\n1\n", r"line 1: '2' may be a name, or the number of names"),
        (
            "entities.dict",
            "0\t1\n1\t2\n2\t0\n",
            r"either column could be the ids; .* entities\.txt",
        ),
        (
            "entity2id.txt",
            "a 1\nb 2\n",
            r"must give the ids 0 to 1, each once; they go from 1 to 2, and 0 is missing",
        ),
        ("entity2id.txt", "a\nb\n", r"entity2id\.txt, line 1: 'a', expected a name and its id"),
    ],
)
def test_files_that_are_none(tmp_path: Path, file: str, content: str, message: str) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=message):
        vocabularies.read(tmp_path / file)


def test_a_count_that_is_named_below_is_a_count(tmp_path: Path) -> None:
    (tmp_path / "entities.txt").write_text("3\n1\n2\n3\n")
    assert vocabularies.read(tmp_path / "entities.txt").ids == {"1": 0, "2": 1, "3": 2}
