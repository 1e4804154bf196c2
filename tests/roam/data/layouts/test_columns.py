"""Which column is the relation, which first lines are headers, and whether fields are ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.roam.data.triples import Graph, Options, read

TRIPLES = [(3, 0, 1), (2, 1, 0), (4, 0, 2), (0, 1, 3)]
ENTITIES = "".join(f"entity {index}\t{index}\n" for index in range(5))
RELATIONS = "likes\t0\nknows\t1\n"


def write(folder: Path, order: str, file: str, first: str = "", **files: str) -> Path:
    rows = [(h, r, t) if order == "hrt" else (h, t, r) for h, r, t in TRIPLES]
    content = first + "".join("\t".join(map(str, row)) + "\n" for row in rows)
    for split in ("train", "valid", "test"):
        (folder / file.format(split)).write_text(content)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def rows(graph: Graph) -> list[tuple[int, ...]]:
    return [tuple(row) for row in graph.splits["train"].tolist()]


@pytest.mark.parametrize("order", ["hrt", "htr"])
@pytest.mark.parametrize(
    ("file", "first"), [("{}2id.txt", ""), ("{}2id.txt", "4\n"), ("{}.txt", "")]
)
def test_the_columns_tell_their_order(tmp_path: Path, order: str, file: str, first: str) -> None:
    write(tmp_path, order, file, first, entity2id=ENTITIES, relation2id=RELATIONS)
    graph = read(tmp_path)
    assert rows(graph) == TRIPLES
    usual = order == ("htr" if first else "hrt") and not (file == "{}2id.txt" and not first)
    assert graph.naming.notes == (() if usual else (f"columns={order}",))


def test_without_id_files_nothing_tells_and_a_key_does(tmp_path: Path) -> None:
    write(tmp_path, "htr", "{}2id.txt")
    with pytest.raises(UserError, match=r"train2id\.txt: its columns may be .*data\.columns=hrt"):
        read(tmp_path)
    assert rows(read(tmp_path, Options(columns="htr"))) == TRIPLES
    hrt = read(tmp_path, Options(columns="hrt"))
    assert rows(hrt)[0] == (3, 1, 0) and hrt.sha256 != read(tmp_path, Options("htr")).sha256


@pytest.mark.parametrize("order", ["hrt", "htr"])
@pytest.mark.parametrize("first", ["", "4\n"])
def test_a_count_is_no_proof_of_an_order(tmp_path: Path, order: str, first: str) -> None:
    write(tmp_path, order, "{}2id.txt", first)
    for files in ({}, {"entity2id": ENTITIES}, {"relation2id": RELATIONS + "x\t2\ny\t3\nz\t4\n"}):
        for name, content in files.items():
            (tmp_path / f"{name}.txt").write_text(content)
        with pytest.raises(UserError, match=r"train2id\.txt: its columns may be .*columns=hrt or"):
            read(tmp_path)
        assert rows(read(tmp_path, Options(columns=order))) == TRIPLES


HTR = "ann\tbob\tknows\nbob\tcid\tlikes\ncid\tann\tknows\n"
BIPARTITE = "".join(f"user {i}\titem {i % 5}\tbuys\n" for i in range(9))
NUMBERS = "".join(f"{i}\t{(i + 3) % 9}\t{i % 3}\n" for i in range(9))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (HTR, "columns 1 and 2 share names such as 'ann', 1 and 3 none"),
        (BIPARTITE, "column 2 has 5 names, and column 3 has 1"),
        (NUMBERS, "column 2 has 9 names, and column 3 has 3"),
    ],
)
def test_columns_that_look_like_another_order(tmp_path: Path, content: str, why: str) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text(content)
    with pytest.raises(UserError, match=rf"train\.txt: its columns look like .*, since {why}; set"):
        read(tmp_path)
    assert len(read(tmp_path, Options(columns="htr")).relations) < 4
    lines = [line.split("\t") for line in content.splitlines()]
    for split in ("train", "valid", "test"):
        text = "".join(f"{h}\t{r}\t{t}\n" for h, t, r in lines)
        (tmp_path / f"{split}.txt").write_text(text)
    assert len(read(tmp_path).relations) < 4


def test_words_behind_numbers_may_be_relations(tmp_path: Path) -> None:
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text("0\t1\tlikes\n1\t0\tknows\n")
    for relations in ({}, {"relation2id.txt": RELATIONS}):
        for name, content in relations.items():
            (tmp_path / name).write_text(content)
        with pytest.raises(UserError, match=r"train\.txt: its columns may be"):
            read(tmp_path)
        assert rows(read(tmp_path, Options(columns="htr"))) == [(0, 0, 1), (1, 1, 0)]


def test_a_wrong_name_is_no_other_order(tmp_path: Path) -> None:
    write(tmp_path, "hrt", "{}.txt", "0\t7\t1\n", entity2id=ENTITIES, relation2id=RELATIONS)
    with pytest.raises(UserError, match=r"train\.txt: line 1 names the relation '7'"):
        read(tmp_path)


def test_numbers_that_are_names_or_ids(tmp_path: Path) -> None:
    shuffled = "".join(f"{name}\t{index}\n" for index, name in enumerate((1, 2, 3, 4, 0)))
    write(tmp_path, "hrt", "{}.txt", entities=shuffled.replace("\t", "x\t"), relation2id=RELATIONS)
    assert rows(read(tmp_path)) == TRIPLES
    listed = "".join(f"{name}\n" for name in (1, 2, 3, 4, 0))
    write(tmp_path, "hrt", "{}.txt", entities=listed)
    assert rows(read(tmp_path))[0] == (2, 0, 0)


def test_numbers_that_are_names_as_well_as_ids(tmp_path: Path) -> None:
    names = "".join(f"{name}\t{index}\n" for index, name in enumerate((4, 3, 2, 1, 0, 99)))
    write(tmp_path, "hrt", "{}.txt", entity2id=names)
    with pytest.raises(UserError, match=r"train\.txt: its numbers may be names of entity2id\.txt"):
        read(tmp_path)
    for path in tmp_path.glob("[!e]*.txt"):
        path.rename(path.with_name(path.stem + "2id.txt"))
    assert rows(read(tmp_path, Options(columns="hrt"))) == TRIPLES


def test_names_by_line_beside_ids_that_may_start_at_1(tmp_path: Path) -> None:
    listed = "".join(f"entity {index}\n" for index in range(6))
    write(tmp_path, "hrt", "{}.txt", entities=listed, relations="likes\nknows\n")
    graph = read(tmp_path)
    assert graph.entities[3] == "entity 3" and rows(graph) == TRIPLES and graph.naming.by_id
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text("4\t0\t1\n1\t1\t3\n")
    with pytest.raises(UserError, match=r"train\.txt has numbers of entities\.txt, .* from 1"):
        read(tmp_path)


def test_whole_numbers_without_a_file_are_their_own_ids(tmp_path: Path) -> None:
    graph = read(write(tmp_path, "hrt", "{}.txt"))
    assert graph.entities == ("0", "1", "2", "3", "4") and rows(graph) == TRIPLES
    assert "numbers" in graph.naming.notes
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.txt").write_text("9\tr\t3\n0\tr\t9\n")
    graph = read(tmp_path)
    assert graph.entities == ("9", "3", "0") and graph.naming.notes == ()
