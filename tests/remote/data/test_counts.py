"""What is said of rows before training: names against spans, pictures, labels, own relations."""

import json
import shutil
from pathlib import Path

import pytest
from released import object_end, picture, row, text_end, umre

from remote_jax.data import records
from remote_jax.errors import UserError
from remote_jax.remote.data import builders, formats
from remote_jax.training.record import Record

CASES = ("some_without_img_id", "some_img_id_null", "some_img_id_empty")


def build(folder: Path, cache: Path, layout=formats.MNRE, max_rejected=0.01):
    return records.build_rows(
        builders.BUILDERS, formats.locate(layout, folder), cache, max_rejected
    )


def mnre(folder: Path, rows) -> Path:
    folder.mkdir()
    (folder / "mnre_train.txt").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


def named(name, start, end):
    return row({"name": name, "pos": [start, end]}, text_end(3, 4), "none")


def test_inclusive_ends_are_said_with_the_first_row(shared, tmp_path):
    with pytest.raises(UserError) as error:
        build(shared / "cases" / "remote_rows" / "inclusive_two_words", tmp_path)
    assert str(error.value).endswith(
        "mnre_train.txt: in 300 of 300 rows a name is not what its span covers; the first is line "
        "1: the name of 'h' is 'Oskar Brimm', but its span [0, 1) covers 'Oskar': the end is "
        "exclusive, expected [0, 2)."
    )


@pytest.mark.parametrize(("wrong", "stops"), [(0, False), (1, False), (5, False), (6, True)])
def test_the_build_stops_where_most_names_are_wrong(tmp_path, capsys, wrong, stops):
    rows = [named("Lee", 0, 2)] * wrong + [named("ann LEE", 0, 2)] * (10 - wrong)
    folder, cache = mnre(tmp_path / "data", rows), tmp_path / "cache"
    if stops:
        with pytest.raises(UserError, match="in 6 of 10 rows a name is not"):
            build(folder, cache)
        return
    for _ in range(2):  # built, and found built
        builder = build(folder, cache)
        said = f"not what their spans cover: {wrong} of 10 rows of mnre_train.txt"
        assert (said in capsys.readouterr().out) == (wrong > 0)
    assert builder.counts["train"]["contradicting"] == wrong
    assert builder.counts["train"]["rows"] == builder.rows("train") == 10
    (path,) = cache.glob("mnre/*/contradictions.jsonl")
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    assert [entry["line"] for entry in entries] == list(range(1, wrong + 1))


def test_rows_of_objects_do_not_hide_wrong_names(tmp_path):
    folder = umre(tmp_path / "data", [named("Lee", 0, 2), *[row(object_end(0), object_end(1))] * 9])
    with pytest.raises(UserError, match="in 1 of 1 rows a name is not"):
        build(folder, tmp_path / "cache", formats.UMRE)
    one = row(text_end(0, 2), text_end(3, 4))  # a picture with one listed box is not the whole
    (folder / "pos_umke.json").write_text('{"a.png": {"[OBJ0]": [0, 0, 0.5, 1]}}')
    (folder / "train_set.json").write_text(json.dumps(one))
    (folder / "val_set.json").unlink()
    (folder / "test_set.json").unlink()
    builder = build(folder, tmp_path / "cache", formats.UMRE)
    assert builder.counts["train"]["whole_picture"] == 0


@pytest.mark.parametrize("case", CASES)
def test_rows_without_a_picture_are_rows(shared, tmp_path, capsys, case):
    folder = shared / "cases" / "remote_rows" / case
    builder = build(folder, tmp_path, max_rejected=0)
    source = builder.as_data_source("train")
    assert len(source) == 300
    lines = (folder / "mnre_train.txt").read_text().splitlines()
    without = sum(not json.loads(line).get("img_id") for line in lines)
    counts = builder.counts["train"]
    assert 0 < without == counts["unpictured"] and counts["not_found"] == 300 - without
    out = capsys.readouterr().out
    assert f"Rows without a picture: {without} of 300 rows of mnre_train.txt" in out


def test_own_relations_name_the_file_to_write(shared, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(shared / "cases" / "remote_rows" / "own_relations_no_rel2id", folder)
    with pytest.raises(UserError, match=r"rel2id\.json in the data folder: ") as error:
        build(folder, tmp_path / "cache")
    message = str(error.value)
    example = message[message.rindex("{") : message.rindex("}") + 1]
    assert set(json.loads(example)) == {"no_relation", "works_for", "born_in"}
    (folder / "rel2id.json").write_text(example)
    assert build(folder, tmp_path / "cache").counts["train"]["related"] > 0


def test_an_unknown_relation_is_told_with_the_nearest(tmp_path):
    rows = [row(text_end(0, 2), text_end(3, 4), "/per/per/pear")]
    folder = mnre(tmp_path / "data", rows)
    with pytest.raises(UserError, match=r"of the 23 of MNRE \(did you mean '/per/per/peer'\?\)"):
        build(folder, tmp_path / "cache")
    (folder / "rel2id.json").write_text('{"NA": 0, "/per/per/peer": 1}')
    with pytest.raises(UserError, match=r"2 in rel2id\.json .* add it there with the id 2"):
        build(folder, tmp_path / "cache")


@pytest.mark.parametrize("label", ["none", "None", "NONE", "NA", "no_relation"])
def test_every_label_for_no_relation_is_that_of_the_vocabulary(tmp_path, capsys, label):
    folder = mnre(tmp_path / "data", [row(text_end(0, 2), text_end(3, 4), label)])
    builder = build(folder, tmp_path / "cache", max_rejected=0)
    assert builder.as_data_source("train")[0]["label"] == 0
    assert "No row of mnre_train.txt has a relation" in capsys.readouterr().out


def test_what_is_counted_of_pictures_and_captions(tmp_path, capsys):
    folder = mnre(tmp_path / "data", [])
    (folder / "MNRE_IMG").mkdir()
    picture(8, 8).save(folder / "MNRE_IMG" / "7.png")
    ends = text_end(0, 2), text_end(3, 4)
    rows = [row(*ends, "/per/per/peer", image) for image in (7, "7.png", "8.png", None)]
    (folder / "mnre_train.txt").write_text("".join(repr(one) + "\n" for one in [*rows, "bad"]))
    (folder / "captions.json").write_text(json.dumps({"7": {"Bob": "a man"}}))
    builder = build(folder, tmp_path / "cache", max_rejected=0.5)
    assert builder.counts["train"] == {
        "file": "mnre_train.txt",
        "rows": 4,
        "rejected": 1,
        "related": 4,
        "named": 4,
        "contradicting": 0,
        "unpictured": 1,
        "not_found": 1,
        "whole_picture": 2,
        "ends": 8,
        "captioned": 2,
        "boxes": "corners",
    }
    out = capsys.readouterr().out
    for line in (
        "Rows left out as malformed, which no score counts: 1 of mnre_train.txt; see ",
        "Pictures that are not in the data folder: 1 of 4 rows of mnre_train.txt",
        "Pictures without boxes, each one object, the whole of it: 2 of 4 rows of mnre_train.txt",
        "Captions of captions.json for 2 of 8 heads and tails",
    ):
        assert line in out
    images = [one["image"].decode() for one in builder.as_data_source("train")]
    assert images == ["MNRE_IMG/7.png"] * 2 + [""] * 2


def test_counts_of_another_version_are_no_other_data():
    Record({"sha256": "a"}).check_data({"sha256": "a", "counts": {"train": 1}})
    with pytest.raises(UserError, match="in sha256"):
        Record({"sha256": "a"}).check_data({"sha256": "b", "counts": {}})


def test_a_json_array_is_told_from_lines(tmp_path):
    folder = umre(tmp_path / "data")
    text = json.dumps([row(text_end(0, 2), text_end(3, 4))] * 2, indent=1)
    (folder / "train_set.json").write_text("\n " + text)
    with pytest.raises(UserError, match=r"train_set\.json is a JSON array, .*python -c"):
        build(folder, tmp_path / "cache", formats.UMRE)
    (folder / "train_set.json").write_text("")
    with pytest.raises(UserError, match=r"train_set\.json has no rows, expected"):
        build(folder, tmp_path / "cache", formats.UMRE)
