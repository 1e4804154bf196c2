"""What is said of a data set before training, and beside its scores."""

import json

import pytest
from jmere_files import ANN, BOB, HALL, LABELS, WORDS, jmere, label, row
from parse_examples import made
from small_eega import PLAIN

from configs import jmere as configs
from remote_jax.eega import notices
from remote_jax.eega.data import parse_files
from remote_jax.eega.data.examples import SentenceDataset
from remote_jax.errors import UserError

SEES = {"model.graph": "none", "model.channels": "", "model.alignment.weight": 0.0}


def read(folder, cache, **changes):
    """The data set of a folder and what is said of it, where six words are read."""
    config = configs.get_config()
    config.data.update({"dir": str(folder), "cache": str(cache), "max_rejected": 0.9})
    config.data.max_words = 6
    config.update_from_flattened_dict(changes)
    data = SentenceDataset(config)
    return data, notices.notices(data, config, lambda one: min(len(one.sentence.tokens), 6))


SHORT = row(LABELS[:1], WORDS[:5])


@pytest.fixture
def folder(tmp_path):
    return jmere(tmp_path / "data", [SHORT])


def rows(folder, split, *some):
    (folder / f"{split}.json").write_text(json.dumps(some))


def test_nothing_is_said_where_nothing_is_amiss(folder, tmp_path):
    (folder / "boxes.json").write_text('{"a.png": [[0, 0, 0.5, 1]]}')
    assert read(folder, tmp_path / "cache", **SEES)[1] == []


def test_labels_that_are_not_there(folder, tmp_path):
    rows(folder, "train", SHORT, row([], WORDS[:5]))
    rows(folder, "val", {**row([], WORDS[:5]), "entities": [ANN]})
    _, said = read(folder, tmp_path / "cache", **PLAIN)
    assert [line.partition(".")[0] for line in said] == [
        "Sentences without a label: 1 of 2 in train",
        "No sentence of validation has a relation: scores of quintuples are 0 there, and only "
        "mner_f1 says something",
    ]


def test_names_that_training_lacks(folder, tmp_path):
    hall = {**HALL, "pos": [4, 5]}
    rows(folder, "test", row([label(ANN, hall, "present_in"), *LABELS[:1]], WORDS[:5]), SHORT)
    _, said = read(folder, tmp_path / "cache", **PLAIN)
    assert said == [
        "Types of test that training lacks: loc (1).",
        "Relations of test that training lacks: present_in (1).",
    ]


def test_sentences_that_are_cut(folder, tmp_path):
    rows(folder, "train", row(), SHORT)
    _, said = read(folder, tmp_path / "cache", **PLAIN)
    assert said == [
        "Sentences that are cut: 1 of 2 in train; 1 of their quintuples are not read. "
        "config.data.max_words is 6, max_tokens 64."
    ]


def test_pictures_that_are_not_there_and_those_that_are_one_object(folder, tmp_path):
    gone = row(LABELS[:1], WORDS[:5], image="gone.png")
    rows(folder, "train", SHORT, gone, row(LABELS[:1], WORDS[:5], image=None))
    _, said = read(folder, tmp_path / "cache", **SEES)
    whole = (
        "Pictures without a scene graph or boxes, each one object, the whole of it: 1 of 1 in "
        "train, 1 of 1 in validation, 1 of 1 in test."
    )
    assert said == [
        "Pictures that rows name and that are not there: 1 of 3 in train.",
        whole,
    ]
    for name, count in (("train", 3), ("val", 1), ("test", 1)):
        parse_files.write(folder / f"{name}.parses.npz", [made([0] * 5)] * count)
    aligned = {**SEES, "model.alignment.weight": 0.6}
    assert read(folder, tmp_path / "cache", **aligned)[1][-2:] == [
        whole,
        "Pictures of one object: 1 of 1 in train. Words are not aligned with it: there is one plan "
        "only, and its gradient would draw all words together. No post is aligned: add boxes.json, "
        "or set --config.model.alignment.weight=0.",
    ]
    assert read(folder, tmp_path / "cache", **PLAIN)[1] == []  # sees none of it


PASSED = [
    "image_path/train/output_feature.pickle",
    "image_path/train/new_prediction.pickle",
    "train.jsonbert.pos_sequence",
    "regions.h5",
]


def test_files_that_are_not_read_are_named_and_not_opened(folder, tmp_path):
    for name in PASSED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to("/proc/self/mem")
    _, said = read(folder, tmp_path / "cache", **PLAIN)
    assert len(said) == 3
    assert said[0].startswith("Not read: regions.h5, image_path/train/output_feature.pickle: feat")
    assert "train.jsonbert.pos_sequence: parses and counts as pickles" in said[1]
    assert "image_path/train/new_prediction.pickle: pickles, which could run code" in said[2]
    rows(folder, "train", row(LABELS[:1], WORDS[:5], image=None))
    with pytest.raises(UserError, match=r"looked for in img_org.*Not read: regions\.h5.*features"):
        read(folder, tmp_path / "cache", **SEES)


def test_what_scores_leave_out_is_beside_them(folder, tmp_path):
    bad = row([label(ANN, BOB, "enemy")], WORDS[:5])
    rows(folder, "test", SHORT, bad, SHORT, SHORT)
    parse_files.write(folder / "test.parses.npz", [made([1, 0, 0, 0, 0]), *[made([0] * 5)] * 3])
    for name in ("train", "val"):
        parse_files.write(folder / f"{name}.parses.npz", [made([0] * 5)])
    data, said = read(folder, tmp_path / "cache", **{**PLAIN, "model.channels": "pos"})
    (notice, left) = notices.tables(["one", "two"], data, "test")
    assert notice.rows == [["one"], ["two"]] and said == []
    assert left.title == "test: left out of the scores"
    assert dict(zip(left.columns, left.rows[0], strict=True)) == {
        "malformed rows": 1,
        "sentences without parse or picture": 1,
        "scored sentences": 2,
    }
    assert notices.tables([], data, "train") == []
