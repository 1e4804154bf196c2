"""Finding the files of the released data sets."""

import json
import shutil

import pytest
from released import umre

from remote_jax.data.release import SPLITS, bundled
from remote_jax.errors import UserError
from remote_jax.remote.data.formats import MNRE, MORE, UMRE, locate


@pytest.fixture
def folder(tmp_path):
    return umre(tmp_path / "data")


def test_umre_in_its_folder_and_in_the_subfolder(folder):
    flat = locate(UMRE, folder)
    (folder / "umke_partner").mkdir()
    for path in folder.glob("*.json"):
        path.rename(folder / "umke_partner" / path.name)
    nested = locate(UMRE, folder)
    for files in (flat, nested):
        assert list(files.rows) == list(SPLITS)
        assert files.rows["validation"].name == "val_set.json"
        assert {path.name for path in files.positions.values()} == {"pos_umke.json"}
        assert files.captions.name == "cap_test.json"
        assert files.pictures["train"] == (folder / "UMKE_IMG",)
        assert files.depths == (folder / "depth_data_umke",)
        assert len(files.relations) == 28


@pytest.mark.parametrize(
    "names",
    [
        ("more_train.txt", "more_val.txt", "more_test.txt"),
        ("train_set.json", "val_set.json", "test_set.json"),
        ("txt/train.txt", "txt/valid.txt", "txt/test.txt"),
    ],
)
def test_more_by_the_names_of_its_releases(tmp_path, names):
    for name in (*names, "pos_more.json", "caption_dict.json", "img_org/train/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    files = locate(MORE, tmp_path)
    assert [path.name for path in files.rows.values()] == [name.split("/")[-1] for name in names]
    assert files.captions.name == "caption_dict.json"
    assert files.pictures["train"] == (tmp_path / "img_org/train", tmp_path / "img_org")
    assert len(files.relations) == 21


def test_mnre_as_in_its_repository(tmp_path):
    for name in ("mnre_train.txt", "mnre_val .txt"):
        (tmp_path / name).touch()
    files = locate(MNRE, tmp_path)
    assert list(files.rows) == ["train", "validation"]
    assert not files.positions and files.captions is None
    assert files.relations[0] == "None" and len(files.relations) == 23


def test_vocabularies_are_sets_and_start_with_none():
    for name, size in (("umre", 28), ("more", 21), ("mnre", 23)):
        relations = bundled("relations", name)
        assert len(relations) == len(set(relations)) == size
        assert relations[0].lower() == "none"


def test_a_vocabulary_in_the_folder_wins(folder):
    (folder / "rel2id_mine.json").write_text(json.dumps({"/a/b": 0, "None": 1, "/c/d": 2}))
    assert locate(UMRE, folder).relations == ("None", "/a/b", "/c/d")


@pytest.mark.parametrize(
    "ids", [{"none": 0, "a": 2}, {"none": 0, "a": 0}, {"a": 0, "b": 1}, {"none": 0, "a": "1"}]
)
def test_a_vocabulary_that_is_none(folder, ids):
    (folder / "rel2id.json").write_text(json.dumps(ids))
    with pytest.raises(UserError, match=r"rel2id\.json must"):
        _ = locate(UMRE, folder).relations


def test_several_caption_files_are_listed_until_one_is_named(folder):
    (folder / "cap_other.json").write_text("{}")
    with pytest.raises(UserError, match=r"cap_other\.json, cap_test\.json"):
        locate(UMRE, folder)
    assert locate(UMRE, folder, "cap_other.json").captions.name == "cap_other.json"
    with pytest.raises(UserError, match=r"'cap_third\.json'"):
        locate(UMRE, folder, "cap_third.json")


def test_what_is_missing_is_named(tmp_path, folder):
    with pytest.raises(UserError, match=r"config\.data\.dir is empty"):
        locate(UMRE, "")
    with pytest.raises(UserError, match="no data folder"):
        locate(UMRE, tmp_path / "none")
    with pytest.raises(UserError, match=r"train_set\.json"):
        locate(UMRE, tmp_path)
    (tmp_path / "mnre_txt_org.zip").touch()
    with pytest.raises(UserError, match=r"unpack mnre_txt_org\.zip there"):
        locate(MNRE, tmp_path)
    (folder / "pos_umke.json").unlink()
    with pytest.raises(UserError, match=r"no pos_\*\.json"):
        locate(UMRE, folder)


def test_two_files_for_one_split_are_an_error(folder):
    shutil.copy(folder / "train_set.json", folder / "train_set.txt")
    with pytest.raises(UserError, match=r"train_set\.json, train_set\.txt"):
        locate(UMRE, folder)


@pytest.mark.parametrize("name", ["train_set.json", "UMKE_IMG", "pos_umke.json", "cap_test.json"])
def test_links_out_of_the_folder_are_refused(tmp_path, folder, name):
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="outside"):
        locate(UMRE, folder)


@pytest.mark.parametrize("layout", [UMRE, MNRE])
def test_a_subfolder_that_leads_outside_is_not_read(tmp_path, layout):
    root, outside = tmp_path / "data", tmp_path / "outside"
    for place in (root, outside):
        place.mkdir()
    name = layout.rows[0].format(split="train")
    (outside / name).write_text("")
    (root / layout.subfolders[0]).symlink_to(outside)
    with pytest.raises(UserError, match="nothing outside"):
        locate(layout, root)


def test_captions_cannot_be_named_outside(tmp_path, folder):
    (tmp_path / "cap.json").write_text("{}")
    for name in ("../cap.json", str(tmp_path / "cap.json")):
        with pytest.raises(UserError, match="nothing outside"):
            locate(UMRE, folder, name)


def test_the_fingerprint_follows_the_files(folder, tmp_path):
    first = locate(UMRE, folder).fingerprint
    assert json.loads(json.dumps(first)) == first
    assert first["files"]["train_set.json"]["bytes"] == (folder / "train_set.json").stat().st_size
    assert first["media"]["UMKE_IMG"]["files"] == 1
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    assert locate(UMRE, copy).fingerprint == first
    assert locate(UMRE, copy, boxes="centers").fingerprint["sha256"] != first["sha256"]
    (copy / "UMKE_IMG" / "b.png").touch()
    assert locate(UMRE, copy).fingerprint["sha256"] != first["sha256"]
    (copy / "UMKE_IMG" / "b.png").unlink()
    text = (copy / "cap_test.json").read_text()
    (copy / "cap_test.json").write_text(text.replace("red", "tan"))
    assert locate(UMRE, copy).fingerprint["sha256"] != first["sha256"]
