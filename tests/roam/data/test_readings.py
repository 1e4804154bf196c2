"""What is unusual about a folder is counted and said; folders as people have them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.roam.data import features, modalities, readings, triples
from remote_jax.roam.data.triples import DEFAULT, Options

TRAIN = "a\tr\tb\nb\tr\tc\nc\tr\ta\n"


def told(folder: Path, options: Options = DEFAULT, **wanted: str) -> tuple[str, dict[str, Any]]:
    """What is printed below the table, and what `results.json` has, without encoding texts."""
    settings = {"structure": True, "image": "auto", "text": "auto", **wanted}
    config = ConfigDict({"features": settings | {"encoder": "", "descriptions": ""}})
    graph = triples.read(folder, options)
    found = modalities.from_files(config, graph, folder)
    passed_over = modalities.passed_over(config, folder)
    said = [modalities.describe(found, structure=True)]
    said += readings.lines(graph, passed_over, options)
    return "\n".join(said), readings.reading(graph, found, passed_over)


def write(folder: Path, **splits: str) -> Path:
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(splits.get(split, TRAIN))
    return folder


def test_a_plain_folder_says_nothing_more(tmp_path: Path) -> None:
    said, kept = told(write(tmp_path))
    assert said == "Modalities: structure" and kept == {"entities": "as met in the triples"}


def test_relations_without_a_training_triple(tmp_path: Path) -> None:
    write(tmp_path, test="a\tnew\tb\nb\tnew\tc\nb\tnewer\tc\na\tr\tb\n")
    said, kept = told(tmp_path)
    assert "Relations of test without a training triple: 2, in 3 triples" in said
    assert kept["unseen_relations"] == {"test": {"relations": 2, "triples": 3}}
    assert triples.read(tmp_path).facts["test"]["unseen"] == 0


def test_files_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(modalities.feature_files, "NEEDS", {".pth": "no_such_package"})
    monkeypatch.setitem(modalities.feature_files.CONVERSIONS, "no_such_package", "read({0!r})")
    for name in ("image.pth", "text.pkl"):
        (tmp_path / name).write_bytes(b"")
    np.savez(tmp_path / "more.npz", features=np.ones((3, 2)), ids=np.array(["a", "b", "c"]))
    said, kept = told(tmp_path)
    assert "Passed over: image.pth: reading it needs no_such_package" in said
    assert "numpy.save('text.npy', pickle.load(open('text.pkl', 'rb')))" in said
    assert "more.npz: --config.features.image=more.npz or .text=more.npz reads it" in said
    assert kept["passed_over"] == ["image.pth", "more.npz", "text.pkl"]
    said, kept = told(tmp_path, image="more.npz", text="")
    assert "Passed over" not in said and "passed_over" not in kept
    for index in range(9):
        shutil.copy(tmp_path / "more.npz", tmp_path / f"more{index}.npz")
    said, kept = told(tmp_path)
    assert "7 more files" in said and len(kept["passed_over"]) == readings.SHOWN


def test_published_names_of_features(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "entity2id.txt").write_text("a 0\nb 1\nc 2\n")
    np.save(tmp_path / "img_features.npy", np.eye(3))
    said, _ = told(tmp_path)
    assert "image (3 numbers of 3 of 3)" in said and "by place in entity2id.txt" in said
    np.save(tmp_path / "image.npy", np.eye(3))
    assert told(tmp_path)[1]["passed_over"] == ["img_features.npy"]


def test_several_rows_and_equal_rows(tmp_path: Path) -> None:
    write(tmp_path)
    values = np.array([[1, 2], [3, 4], [5, 5], [5, 5], [0, 0]], np.float32)
    ids = np.array(["a", "a", "b", "c", "a"])
    np.savez(tmp_path / "image.npz", features=values, ids=ids)
    said, kept = told(tmp_path)
    assert "1 entities have several rows, whose mean is taken; 2 of 3 rows are the same" in said
    assert kept["features"]["image"] == {"rows": "by name", "averaged": 1, "equal": 2}
    graph = triples.read(tmp_path)
    found = features.load_matrix(tmp_path / "image.npz", graph.entities, graph.naming)
    np.testing.assert_array_equal(found.values, [[2, 3], [5, 5], [5, 5]])


def test_descriptions_of_few(tmp_path: Path) -> None:
    (tmp_path / "desc.txt").write_text("b\tone of them\nz\tanother\n")
    texts, described = features._texts(("a b", "b", "c"), tmp_path / "desc.txt")
    assert texts == ["a b", "one of them", "c"] and described == 1
    found = features.Modality(np.eye(3), np.ones(3, bool), "", {"descriptions": described})
    assert "descriptions of 1 of 3 entities" in modalities.describe({"text": found}, structure=True)


def test_a_split_is_said(tmp_path: Path) -> None:
    rows = [f"e{i} r e{j}" for i in range(6) for j in range(6)]
    (tmp_path / "train.txt").write_text("\n".join(rows))
    said, _ = told(tmp_path, Options(holdout=0.1))
    assert "drawn from the training file, 4 triples in test (data.holdout=0.1, seed 0)" in said


CASES = {
    "entities_txt_names": "Modalities: structure",
    "new_relation": "Relations of test without a training triple: 1, in 1 triples",
    "openke_no_count": "Columns of the triples: head, tail, relation",
    "openke_hrt_with_count": "Columns of the triples: head, relation, tail",
    "tsv_header": "Header lines of the triples were skipped",
}


@pytest.mark.parametrize("name", CASES)
def test_formats_of_graphs(shared: Path, name: str) -> None:
    folder = shared / "cases" / "graph_formats" / name
    said, _ = told(folder)
    assert CASES[name] in said
    graph, plain = triples.read(folder), triples.read(folder.with_name("new_relation"))
    triple = next(row for row in graph.splits["train"].tolist())
    named = (graph.entities[triple[0]], graph.relations[triple[1]], graph.entities[triple[2]])
    assert named == ("ent_36", "near", "ent_42")
    assert len(graph.splits["train"]) == len(plain.splits["train"]) == 240


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openke_no_count_no_ids", r"train2id\.txt: .*data\.columns=hrt or =htr"),
        ("train_only", r"--config\.data\.holdout=0\.1"),
    ],
)
def test_formats_that_are_refused(shared: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        told(shared / "cases" / "graph_formats" / name)


def test_features_that_stand_for_others(shared: Path) -> None:
    folder = shared / "cases" / "graph_formats" / "pth_features"
    graph = triples.read(folder)
    for name in ("image.pth", "text.h5"):  # passed over, or refused where they can be opened
        with pytest.raises(UserError, match=rf"{name}: (reading it needs|no whole|PyTorch)"):
            features.load_matrix(folder / name, graph.entities, graph.naming)


def test_rows_of_numbered_entities(shared: Path) -> None:
    """Row i is of entity i, with an id file or without."""
    values = {}
    for name in ("int_only", "with_ids"):
        folder = shared / "cases" / "int_ids_features" / name
        graph = triples.read(folder)
        found = features.load_matrix(folder / "image.npy", graph.entities, graph.naming)
        values[name] = dict(zip(graph.entities, found.values.tolist(), strict=True))
    rows = np.load(folder / "image.npy").tolist()
    assert values["int_only"] == values["with_ids"] == {str(i): row for i, row in enumerate(rows)}


def test_several_images(shared: Path) -> None:
    folder = shared / "cases" / "several_images"
    said, _ = told(folder)
    assert "20 entities have several rows, whose mean is taken" in said
    assert "three_d.npz" in said
    assert "40 of 60 rows are the same" in told(folder, image="filler.npz")[0]
    graph = triples.read(folder)
    with np.load(folder / "three_d.npz") as file:
        means = dict(zip(file["ids"].tolist(), file["features"].mean(1), strict=True))
    found = features.load_matrix(folder / "three_d.npz", graph.entities, graph.naming)
    for name, row in zip(graph.entities, found.values, strict=True):
        np.testing.assert_allclose(row, means[name], rtol=1e-5)


def test_few_descriptions(shared: Path) -> None:
    folder = shared / "cases" / "encoders" / "graph"
    entities = triples.read(folder).entities
    assert (features._texts(entities, folder / "desc.txt")[1], len(entities)) == (1, 10)
