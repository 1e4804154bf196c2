"""Graphs in every published format, and what a person is told about a wrong file."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.roam.data.triples import Options, fingerprint, read

ENTITIES = ("http://a.org/Ann_Lee", "Ōsaka", "厦门", "St._John's", "42")
RELATIONS = ("bornIn", "http://a.org/knows")
TRIPLES = {
    "train": [(0, 0, 1), (2, 1, 0), (0, 0, 1), (3, 1, 2)],
    "valid": [(1, 1, 2), (3, 1, 2)],
    "test": [(0, 1, 4), (1, 1, 2), (0, 0, 1)],
}


def ids(folder, *, separator="\t", count=False, wrap="{}"):
    for kind, names in (("entity", ENTITIES), ("relation", RELATIONS)):
        lines = [f"{len(names)}"] if count else []
        lines += [wrap.format(name) + f"{separator}{index}" for index, name in enumerate(names)]
        (folder / f"{kind}2id.txt").write_text("\n".join(lines) + "\n", "utf-8")


def named(folder, separator=" ", end=" .", wrap="{}"):
    for split, triples in TRIPLES.items():
        rows = [(ENTITIES[h], RELATIONS[r], ENTITIES[t]) for h, r, t in triples]
        lines = [separator.join(wrap.format(name) for name in row) + end for row in rows]
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n", "utf-8")


def numbered(folder):
    for split, triples in TRIPLES.items():
        lines = [f"{h}\t{r}\t{t}" for h, r, t in triples]
        (folder / f"{split}.txt").write_text("\n".join(lines))


def openke(folder):
    for split, triples in TRIPLES.items():
        lines = [f"{len(triples)}", *(f"{h} {t} {r}" for h, r, t in triples)]
        (folder / f"{split}2id.txt").write_text("\r\n".join(lines))


def content(graph):
    splits = {split: list(map(tuple, rows.tolist())) for split, rows in graph.splits.items()}
    assert {rows.dtype for rows in graph.splits.values()} == {np.dtype(np.int32)}
    return graph.entities, graph.relations, splits


EXPECTED = (
    ENTITIES,
    RELATIONS,
    {"train": TRIPLES["train"], "validation": TRIPLES["valid"], "test": TRIPLES["test"]},
)


@pytest.mark.parametrize(
    ("separator", "end"), [(" ", ""), (" ", " ."), ("\t", ""), ("\t", " ."), ("\t", "\t.")]
)
@pytest.mark.parametrize("wrap", ["{}", "<{}>"])
def test_names_with_any_separator_end_and_brackets(tmp_path, separator, end, wrap):
    named(tmp_path, separator, end, wrap)
    ids(tmp_path, separator=separator)
    assert content(read(tmp_path)) == EXPECTED


@pytest.mark.parametrize("write", [numbered, openke])
@pytest.mark.parametrize("count", [False, True])
def test_ids_in_both_orders(tmp_path, write, count):
    write(tmp_path)
    ids(tmp_path, count=count)
    assert content(read(tmp_path)) == EXPECTED


def test_names_that_are_numbers_are_names(tmp_path):
    for split in TRIPLES:
        (tmp_path / f"{split}.txt").write_text("7 0 5\n5 1 7\n")
    (tmp_path / "entity2id.txt").write_text("5 0\n7 1\n")
    (tmp_path / "relation2id.txt").write_text("0 1\n1 0\n")
    assert read(tmp_path).splits["train"].tolist() == [[1, 1, 0], [0, 0, 1]]


def test_without_id_files_names_are_numbered_as_they_come(tmp_path):
    named(tmp_path)
    graph = read(tmp_path)
    assert graph.entities == tuple(ENTITIES[index] for index in (0, 1, 2, 3, 4))
    assert graph.relations == RELATIONS
    assert graph.splits["test"].tolist() == [list(triple) for triple in TRIPLES["test"]]


def test_facts(tmp_path):
    named(tmp_path)
    ids(tmp_path)
    facts = json.loads(json.dumps(read(tmp_path).facts))
    assert facts["entities"] == 5 and facts["relations"] == 2
    assert facts["entities_not_in_training"] == 1
    assert facts["train"] == {"triples": 4, "duplicates": 1, "leaked": 0, "unseen": 0}
    assert facts["validation"] == {"triples": 2, "duplicates": 0, "leaked": 1, "unseen": 0}
    assert facts["test"] == {"triples": 3, "duplicates": 0, "leaked": 2, "unseen": 1}


def test_the_fingerprint_follows_every_file(tmp_path):
    named(tmp_path)
    ids(tmp_path)
    before = read(tmp_path).sha256
    assert read(tmp_path).sha256 == fingerprint(tmp_path) == before
    for path in sorted(tmp_path.iterdir()):
        path.write_bytes(path.read_bytes() + b"\n")
        after = fingerprint(tmp_path)
        assert read(tmp_path).sha256 == after != before
        before = after


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train.txt", "a b\n", r"train\.txt: line 1 has 2 fields, expected 3\."),
        ("train.txt", "\n\na b c d\na\n", r"line 3 has 4 fields, expected 3; line 4 has 1"),
        ("train.txt", "", r"train\.txt has no triples"),
        ("test.txt", "Ōsaka bornIn Nowhere .\n", "line 1 names the entity 'Nowhere', which no id"),
        ("test.txt", "Ōsaka eats 厦门 .\n", "line 1 names the relation 'eats'"),
        ("valid.txt", "3\n0 1 0\n", r"valid\.txt says in line 1 that it has 3 triples, but has 1"),
        ("test.txt", "x" * 17_000, r"test\.txt, line 1: the line is longer than 16,384"),
        ("entity2id.txt", "a 0\na 1\n", r"entity2id\.txt, line 2: 'a 1', names it again"),
        ("entity2id.txt", "a 0\nb\n", r"line 2: 'b', expected a name and its id"),
        ("entity2id.txt", "a 0\nb 2\n", r"entity2id\.txt must give the ids 0 to 1, each once"),
        ("relation2id.txt", "a -1\n", "expected a name and its id"),
    ],
)
def test_wrong_files_are_named_with_their_lines(tmp_path, file, content, message):
    named(tmp_path)
    ids(tmp_path)
    (tmp_path / file).write_text(content, "utf-8")
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    named(tmp_path)
    (tmp_path / "test.txt").write_bytes(b"a b \xff\n")
    with pytest.raises(UserError, match=r"test\.txt, line 1 is not UTF-8"):
        read(tmp_path)


def test_missing_and_several_files(tmp_path):
    with pytest.raises(UserError, match="no data folder"):
        read(tmp_path / "absent")
    with pytest.raises(UserError, match=r"no train triples .* train\.txt or train2id\.txt"):
        read(tmp_path)
    named(tmp_path)
    openke(tmp_path)
    with pytest.raises(UserError, match=r"several files for train: train\.txt and train2id\.txt"):
        read(tmp_path)


def test_ids_past_the_vocabulary_are_refused(tmp_path):
    openke(tmp_path)
    ids(tmp_path)
    (tmp_path / "test2id.txt").write_text("1\n0 9 1\n")
    with pytest.raises(UserError, match="line 2 names the entity '9'"):
        read(tmp_path)


NAMES = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=8).filter(
    lambda name: name != "." and not name.startswith("<")
)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=20))
def test_any_names_come_back(tmp_path_factory, rows):
    rows = [*rows, rows[0]]  # so that the first line is no header
    folder = tmp_path_factory.mktemp("graph")
    for split in TRIPLES:
        (folder / f"{split}.txt").write_text("".join("\t".join(r) + "\n" for r in rows), "utf-8")
    graph = read(folder, Options(columns="hrt"))
    found = [
        (graph.entities[h], graph.relations[r], graph.entities[t])
        for h, r, t in graph.splits["train"]
    ]
    assert found == rows


@pytest.mark.parametrize(
    ("name", "sizes", "test"),
    [
        ("mkg_w", (15000, 169), {"triples": 4274, "duplicates": 0, "leaked": 0}),
        ("mkg_y", (15000, 28), {"triples": 2663, "unseen": 388}),
        ("kvc16k", (16015, 4), {"triples": 22525, "leaked": 53}),
        ("umls", (135, 46), {"triples": 661}),
        ("wn18rr", (40943, 11), {"triples": 3134}),
    ],
)
def test_published_graphs(shared, name, sizes, test):
    graph = read(shared / "data" / "mkg" / name)
    assert (len(graph.entities), len(graph.relations)) == sizes
    assert graph.naming.notes == ()
    assert {key: graph.facts["test"][key] for key in test} == test
