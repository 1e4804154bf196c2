"""Graphs come back from their records as they were read from their files."""

import os
import shutil
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.errors import UserError
from remote_jax.roam.data import builders, triples
from remote_jax.roam.data.builders import BLOCK, describe, load

FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}


def write(folder, rows, *, entities=(), relations=()):
    """The same rows in every split, and id files of the names given."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES.values():
        (folder / file).write_bytes("".join("\t".join(row) + "\n" for row in rows).encode())
    for file, names in (("entity2id.txt", entities), ("relation2id.txt", relations)):
        if names:
            lines = (f"{name}\t{index}\n" for index, name in enumerate(names))
            (folder / file).write_bytes("".join(lines).encode())
    return folder


def assert_same(graph, expected):
    assert graph.entities == expected.entities and graph.relations == expected.relations
    assert graph.sha256 == expected.sha256
    assert list(graph.splits) == list(expected.splits)
    for split, rows in expected.splits.items():
        assert graph.splits[split].dtype == np.int32
        np.testing.assert_array_equal(graph.splits[split], rows)


def random_rows(count, seed=0):
    generator = np.random.default_rng(seed)
    ids = generator.integers(0, 900, (count, 3))
    return [(f"e{head}", f"r{relation % 7}", f"e{tail}") for head, relation, tail in ids]


@pytest.mark.parametrize("count", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_the_records_are_what_the_files_say(tmp_path, count):
    folder = write(tmp_path / "data", random_rows(count))
    assert_same(load(folder, name="new", cache=tmp_path / "cache"), triples.read(folder))


NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n\t"), max_size=6)
GOOD = NAMES.filter(lambda name: name.strip() == name and name and name[0] not in ".<\ufeff")


@settings(max_examples=25)
@given(st.lists(st.tuples(GOOD, GOOD, GOOD), min_size=1, max_size=8))
def test_names_of_any_script_come_back(tmp_path_factory, rows):
    base, options = tmp_path_factory.mktemp("graph"), triples.Options(columns="hrt")
    rows = [*rows, rows[0]]  # so that the first line is no header
    folder = write(base / "data", rows)
    graph = load(folder, name="", cache=base / "cache", options=options)
    assert_same(graph, triples.read(folder, options))
    assert [graph.entities[h] for h in graph.splits["train"][:, 0]] == [row[0] for row in rows]


def test_entities_without_a_triple_keep_their_ids(tmp_path):
    rows = [("b", "r", "厦门")]
    folder = write(tmp_path / "data", rows, entities=("a", "b\rc d", "b", "厦门"), relations=("r",))
    graph = load(folder, name="new", cache=tmp_path / "cache")
    assert_same(graph, triples.read(folder))
    assert graph.splits["test"].tolist() == [[2, 0, 3]]


def test_files_are_parsed_once_and_again_when_one_changes(tmp_path, monkeypatch):
    folder, cache = write(tmp_path / "data", random_rows(20)), tmp_path / "cache"
    parsed = []
    read = triples.read
    monkeypatch.setattr(
        triples, "read", lambda folder, options: parsed.append(folder) or read(folder)
    )
    first = load(folder, name="mkg_y", cache=cache)
    moved = folder.rename(tmp_path / "moved")
    assert_same(load(moved, name="mkg_y", cache=cache), first)
    assert parsed == [folder]
    with (moved / "valid.txt").open("a") as file:
        file.write("e1\tr1\tnew\n")
    changed = load(moved, name="mkg_y", cache=cache)
    assert parsed == [folder, moved]
    assert changed.entities[-1] == "new" and changed.sha256 != first.sha256
    assert len(list((cache / "mkg_y").iterdir())) == 2


def test_rests_of_a_killed_build_are_cleared(tmp_path):
    folder, cache = write(tmp_path / "data", random_rows(20)), tmp_path / "cache"
    expected = load(folder, name="new", cache=cache)
    (built,) = cache.glob("graph/*/graph/1.1.0")
    (built / "entities.txt").write_text("half\n")
    rest = built.rename(built.with_name("1.1.0.incompleteABC"))
    assert_same(load(folder, name="new", cache=cache), expected)
    assert not rest.exists()


def test_files_that_change_while_they_are_read_are_an_error(tmp_path, monkeypatch):
    folder = write(tmp_path / "data", random_rows(5))
    found = iter(["0" * 64, "1" * 64])
    monkeypatch.setattr(triples, "fingerprint", lambda folder, options: next(found))
    with pytest.raises(UserError, match="changed while it was read"):
        load(folder, name="new", cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("graph/*/graph/1.1.0"))


def test_errors_of_the_files_and_of_the_cache_are_told(tmp_path):
    folder = write(tmp_path / "data", random_rows(5))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Cannot write the cache"):
        load(folder, name="new", cache=tmp_path / "file")
    (folder / "test.txt").write_text("one two\n")
    with pytest.raises(UserError, match=r"test\.txt: line 1 has 2 fields"):
        load(folder, name="new", cache=tmp_path / "cache")
    shutil.rmtree(folder)
    with pytest.raises(UserError, match="no data folder"):
        load(folder, name="new", cache=tmp_path / "cache")


def test_description(tmp_path):
    names = ("a", "b", "c", "d")
    folder = write(tmp_path, [("a", "r", "b")] * 2, entities=names, relations=("r",))
    (folder / "test.txt").write_text("a r b\na r c\n")
    graph = triples.read(folder)
    assert str(describe(graph)).splitlines() == [
        "4 entities, 2 of them without a training triple; 1 relations",
        "split       triples  duplicates  leaked  unseen",
        "----------  -------  ----------  ------  ------",
        "train             2           1       0       0",
        "validation        2           1       2       0",
        "test              2           0       1       1",
    ]
    beside = str(describe(graph, "db15k"))
    assert "(published: 12,842 entities, 279 relations)" in beside
    assert beside.splitlines()[3].split() == ["train", "2", "1", "0", "0", "79222"]


@pytest.mark.parametrize("name", ["mkg_w", "mkg_y", "kvc16k"])
def test_published_graphs(shared, tmp_path, name):
    folder = shared / "data" / "mkg" / name
    graph = load(folder, name=name, cache=tmp_path)
    assert_same(graph, triples.read(folder))
    sizes = (len(graph.entities), len(graph.relations), *map(len, graph.splits.values()))
    assert sizes == builders.BUILDERS[name].published
    (built,) = tmp_path.glob(f"{name}/*/{name}/1.1.0")
    stamp, start = os.stat(built).st_mtime_ns, time.process_time()
    load(folder, name=name, cache=tmp_path)
    assert time.process_time() - start < 2
    assert os.stat(built).st_mtime_ns == stamp
