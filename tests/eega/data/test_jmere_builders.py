"""Records of JMERE, as released and derived from MNRE: what is kept, what is refused and why."""

import json
import os
from collections import Counter

import pytest
from jmere_files import ANN, BOB, HALL, LABELS, WORDS, end, jmere, label, mnre, pair, row

from remote_jax.data import release
from remote_jax.data.records import build_rows
from remote_jax.eega.data import builders, formats
from remote_jax.eega.quintuples import Entity, Labels
from remote_jax.eega.tags import Priors
from remote_jax.errors import UserError

LAYOUTS = {"jmere": formats.JMERE, "mnre": formats.MNRE}


def build(folder, cache, layout="jmere", max_rejected=0.0):
    files = formats.locate(LAYOUTS[layout], folder)
    return build_rows(builders.BUILDERS, files, cache, max_rejected)


def named(sentence, vocabulary):
    """Quintuples as names: (words, type, words, type, relation)."""

    def words(entity):
        return " ".join(sentence.tokens[entity.start : entity.end]), vocabulary.types[entity.type]

    return {
        (*words(one.head), *words(one.tail), vocabulary.relations[one.relation])
        for one in sentence.labels.quintuples
    }


EXPECTED = {
    ("Ann Lee", "per", "Bob", "per", "peer"),
    ("Bob", "per", "Oslo Town Hall", "loc", "place_of_residence"),
}


def test_records_hold_what_the_list_says(tmp_path):
    rows = [row(), row([], image="missing.png"), row(LABELS[:1] * 2)]
    builder = build(jmere(tmp_path / "data", rows), tmp_path / "cache")
    first, second, third = builders.read(builder, "validation")
    assert named(first, builder.files.vocabulary) == EXPECTED
    assert first.labels.entities == {Entity(0, 2, 0), Entity(3, 4, 0), Entity(5, 8, 3)}
    assert (first.tokens, first.image) == (tuple(WORDS), "img_org/a.png")
    assert (first.file, first.place, first.row) == ("val.json", 1, 0)
    assert (second.image, second.labels, second.place) == ("", Labels(), 2)
    assert len(third.labels.quintuples) == 1


def test_types_and_relations_are_the_papers(tmp_path):
    vocabulary = formats.locate(formats.JMERE, jmere(tmp_path, [row()])).vocabulary
    assert sorted(vocabulary.types) == ["loc", "misc", "org", "per"]
    assert len(set(vocabulary.relations)) == 21 and len(vocabulary.tags) == 26


def test_rows_of_a_sentence_are_joined(tmp_path):
    other = ["Elsewhere", *WORDS[1:]]
    rows = [
        pair(ANN, HALL, "None", image="missing.png"),
        pair(ANN, BOB, "/per/per/peer"),
        pair(ANN, BOB, "/per/per/peer", tokens=other),
        pair(ANN, HALL, "None", tokens=["Nothing", *WORDS[1:]]),
        pair(BOB, HALL, "/per/loc/place_of_residence", image="missing.png"),
        pair(ANN, BOB, "/per/per/peer"),
    ]
    builder = build(mnre(tmp_path / "data", rows), tmp_path / "cache", "mnre")
    first, second = builders.read(builder, "train")
    assert named(first, builder.files.vocabulary) == EXPECTED
    assert (first.place, first.image, second.place) == (2, "img_org/a.png", 3)
    assert second.tokens == tuple(other) and len(second.labels.quintuples) == 1
    assert builder.rows("train") == 6


def nested(depth):
    return json.dumps(row()).replace("[[", "[" * depth).replace("]]", "]" * depth)


HOSTILE = [
    (row([label(end(0, 9, "per"), BOB, "peer")]), "is [0, 9), expected it within [0, 8)"),
    (row([label(end(3, 3, "per"), BOB, "peer")]), "not empty"),
    (row([label({**ANN, "pos": [-1, 2]}, BOB, "peer")]), "is [-1, 2)"),
    (row([label({**ANN, "pos": "0,2"}, BOB, "peer")]), "must be [start, end), found '0,2'"),
    (row([label(ANN, end(3, 4, "person"), "peer")]), "expected per, org, misc, loc"),
    (row([label(ANN, end(3, 4, None), "peer")]), "must be text, found None"),
    (row([label(ANN, BOB, "enemy")]), "'enemy', expected one of the 21 known"),
    (
        row([label(ANN, {**ANN, "tags": "org"}, "peer")]),
        "head and tail of label 0 are the words [0, 2)",
    ),
    (row(LABELS[0]), "label 0 must be a list of one dict"),
    (row([[]]), "label 0 must be a list of one dict, found []"),
    (row([LABELS[0] * 2]), "label 0 must be a list of one dict"),
    (row({"0": LABELS[0]}), "label_list must be a list"),
    (row([LABELS[0]] * 1001), "at most 1,000"),
    (row(tokens="Ann met Bob"), "token must be a list of words"),
    (row(image="../outside.png"), "goes up a folder"),
    (row(image="img_org/../../outside.png"), "goes up a folder"),
    (row(image="text.png"), "cannot be decoded"),
    ({"token": WORDS, "img_id": "a.png"}, "the key 'label_list' of a row is missing"),
    ([row()], "the line is a list, expected a dict"),
    ("7", "the line is a int, expected a dict"),
    (nested(10**4), "nests more than"),
    ("__import__('os')", "not plain data"),
    (json.dumps(row()).replace("[0, 2]", "[0, NaN]"), "must be [start, end)"),
]


def test_hostile_rows_are_refused_with_file_row_and_reason(tmp_path):
    rows = [one for bad, _ in HOSTILE for one in (row(), bad)]
    folder = jmere(tmp_path / "data", rows, splits=["train"])
    (folder / "img_org" / "text.png").write_text("not a picture")
    builder = build(folder, tmp_path / "cache", max_rejected=0.5)
    entries = builder.rejected
    assert [(entry["file"], entry["row"]) for entry in entries] == [
        ("train.json", 2 * place + 2) for place in range(len(HOSTILE))
    ]
    for entry, (_, reason) in zip(entries, HOSTILE, strict=True):
        assert reason in entry["reason"]
        assert "\n" not in entry["reason"] and len(entry["reason"]) < 300
    places = [sentence.place for sentence in builders.read(builder, "train")]
    assert places == list(range(1, 2 * len(HOSTILE), 2))


def test_hostile_lines_of_mnre_are_refused(tmp_path):
    good = pair(ANN, BOB, "/per/per/peer")
    bad = [
        (pair(ANN, BOB, "/per/peer"), "must be /TYPE/TYPE/RELATION"),
        (pair(ANN, BOB, "/per/dog/peer"), "expected per, org, misc, loc"),
        (pair(ANN, BOB, "/per/per/enemy"), "expected one of the 21 known"),
        (pair(ANN, end(7, 9, ""), "None"), "is [7, 9), expected it within [0, 8)"),
        (pair(ANN, "Bob", "None"), "'t' of the row must be a dict"),
        (pair(ANN, BOB, "/per/per/peer", image="/etc/passwd"), "is absolute"),
        ("{'token': [" + "[" * 100 + "\n", "nests more than"),
    ]
    rows = [one for line, _ in bad for one in (good, line)]
    builder = build(mnre(tmp_path / "data", rows), tmp_path / "cache", "mnre", 0.5)
    entries = [entry for entry in builder.rejected if entry["file"] == "mnre_val.txt"]
    assert [entry["line"] for entry in entries] == list(range(2, 2 * len(bad) + 1, 2))
    for entry, (_, reason) in zip(entries, bad, strict=True):
        assert reason in entry["reason"]
    assert len(builders.read(builder, "train")) == 1 and builder.rows("train") == len(bad)
    with pytest.raises(UserError, match=r"7 of 14 rows are malformed.* the first is line 2: "):
        build(tmp_path / "data", tmp_path / "cache", "mnre", 0.49)


@pytest.mark.parametrize("cached", [False, True])
def test_too_many_refused_rows_stop_the_build(tmp_path, cached, capsys):
    folder = jmere(tmp_path / "data", [row(), row(), row(), HOSTILE[0][0]])
    if cached:
        build(folder, tmp_path / "cache", max_rejected=0.25)
        assert "1 of train.json" in capsys.readouterr().out
    with pytest.raises(
        UserError, match=r"1 of 4 rows are malformed.* the first is row 4: "
    ) as error:
        build(folder, tmp_path / "cache", max_rejected=0.2)
    assert "train.json" in str(error.value)


@pytest.mark.parametrize("text", ["", "7", "[" + json.dumps(row())])
def test_a_file_that_is_no_list_is_an_error(tmp_path, text):
    folder = jmere(tmp_path / "data", [row()])
    (folder / "train.json").write_text(text)
    with pytest.raises(
        UserError, match=r"train\.json: (it is not a JSON list|the list does not end)"
    ):
        build(folder, tmp_path / "cache", max_rejected=1.0)


def test_sentences_without_any_relation_are_no_data(tmp_path):
    folder = mnre(tmp_path / "data", [pair(ANN, BOB, "None")])
    with pytest.raises(UserError, match=r"mnre_train\.txt has no sentence with a relation"):
        build(folder, tmp_path / "cache", "mnre", 1.0)


def test_a_second_build_reads_the_first(tmp_path):
    folder = jmere(tmp_path / "data", [row()])
    first = build(folder, tmp_path / "cache")
    stamp = os.stat(first.data_dir).st_mtime_ns
    second = build(folder, tmp_path / "cache")
    assert os.stat(second.data_dir).st_mtime_ns == stamp
    assert builders.read(second, "test") == builders.read(first, "test")


def test_real_mnre(shared, tmp_path):
    builder = build(shared / "data" / "mnre", tmp_path, "mnre")
    splits = {split: builders.read(builder, split) for split in builder.files.rows}
    assert {split: len(found) for split, found in splits.items()} == {
        "train": 3465,
        "validation": 473,
        "test": 460,
    }
    assert not builder.rejected and builder.rows("train") == 12_247
    relations = Counter(
        quintuple.relation for one in splits["validation"] for quintuple in one.labels.quintuples
    )
    assert relations.total() == 624
    assert relations[builder.files.vocabulary.relations.index("member_of")] == 121
    symmetric = release.bundled("relations", "symmetric")
    names = builder.files.vocabulary.relations
    priors = Priors.estimate([one.labels for one in splits["train"]], names, symmetric)
    assert priors == Priors(6.2, frozenset(range(21)))
    rows = builders.describe(splits).rows
    assert rows == [
        ["train", 3465, 7560, 4503, 46, 0],
        ["validation", 473, 1039, 624, 2, 0],
        ["test", 460, 1026, 640, 3, 0],
    ]
