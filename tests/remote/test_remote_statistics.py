"""Statistics of pairs: a folder whose faults are known by hand, and MNRE as the paper counts it."""

from __future__ import annotations

import ast
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from released import (
    CAPTIONS,
    WORDS,
    config,
    object_end,
    picture,
    row,
    text_end,
    umre,
    words_tokenizer,
)

from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.remote.statistics import checks, lengths, make, tables
from remote_jax.remote.statistics.rows import Rows
from remote_jax.reporting.statistics import Statistics

ANN, BOB = text_end(0, 2), text_end(3, 4)
OTHER = ["Cy", "met", "Di"]
CY, DI = {"name": "Cy", "pos": [0, 1]}, {"name": "Di", "pos": [2, 3]}
TRAIN = [
    row(ANN, BOB, "/per/per/partner"),
    row(ANN, BOB, "/per/per/partner"),  # again
    row(ANN, BOB),  # and with another label
    row(BOB, ANN),  # the other order
    row(object_end(0), object_end(1), "/per/misc/awarded"),
    row(ANN, object_end(0), "/per/per/self"),
    row(text_end(5, 7), text_end(6, 8)),  # they cross
    row(text_end(5, 6), text_end(5, 8)),  # one in the other
    row(ANN, BOB, "/per/per/alumni", image="missing.png"),
    row(CY, DI, image=None, tokens=OTHER),
    "no row at all",
]
VALIDATION = [row(ANN, BOB, "/per/per/partner", image="same.png")]
TEST = [row(CY, DI, image="other.png", tokens=[*OTHER, "."])]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    folder = umre(tmp_path_factory.mktemp("umre") / "data", TRAIN)
    for split, rows in {"val": VALIDATION, "test": TEST}.items():
        (folder / f"{split}_set.json").write_text("".join(f"{one}\n" for one in rows))
    shutil.copy(folder / "UMKE_IMG" / "a.png", folder / "UMKE_IMG" / "same.png")
    picture(seed=1).save(folder / "UMKE_IMG" / "other.png")
    run = folder.parent / "run"
    words_tokenizer().save_pretrained(run / "tokenizer")
    settings = config(folder, folder.parent / "cache", max_rejected=0.5, max_tokens=25)
    return make.statistics(settings, run)


def table(found: Statistics, title: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for one in found.tables if one.title == title for row in one.rows]


def test_table_1(found: Statistics) -> None:
    ours, paper = table(found, "Table 1 of REMOTE")
    assert ours == ("data (umre's layout)", "Yes", 4, 5, 2, 12, 3, 5)
    assert paper == ("UMRE in the paper", "Yes", 12_737, 12_737, 20_978, 55_021, 3, 28)


def test_what_is_in_each_split(found: Statistics) -> None:
    assert table(found, "Splits") == [
        ("train", 3, 2, 2, 10, 2, 10, 5, 8, 1, 1),
        ("validation", 1, 1, 1, 2, 0, 1, 1, 1, 0, 0),
        ("test", 1, 1, 1, 2, 0, 1, 0, 1, 0, 0),
    ]


def test_what_splits_share(found: Statistics) -> None:
    shared = {
        (what, split, other): n
        for what, split, _, other, n, _ in table(found, "Overlaps between splits")
    }
    assert {key for key, count in shared.items() if count} == {
        ("sentences", "validation", "train"),
        ("pictures", "validation", "train"),  # under another name
        ("names of two entities with their relation", "validation", "train"),
    }
    assert set(shared.values()) == {0, 1}


def test_questions_of_pairs(found: Statistics) -> None:
    train = {what: count for what, count, *_ in table(found, "Pairs")}
    assert train == {
        "pairs": 10,
        "pairs listed before, with the same relation": 1,
        "pairs with several relations in one post": 1,
        "pairs of the same words with several relations, whatever the picture": 1,
        "pairs in both orders": 1,
        "pairs in both orders, related in one only": 1,
        "pairs in both orders, related in both": 0,
        "pairs whose head and tail are the same words": 0,
        "pairs with one end inside the other": 1,
        "pairs whose head and tail cross": 1,
        "posts with an entity inside another": 1,
        "posts with entities that cross": 1,
        "posts without a picture": 1,
        "pictures that are not there": 1,
        "pictures without an object": 1,
    }
    rest = [count for what, _, *counts in table(found, "Pairs") for count in counts]
    assert rest == [1, 1, *[0] * 26, 1, 1]  # pairs; pictures without an object


def test_questions_of_files(found: Statistics) -> None:
    train = {what: count for what, count, *_ in table(found, "Files")}
    assert train["rows that are read"] == 10 and train["rows left out as malformed"] == 1
    assert train["rows that name no picture"] == train["rows whose picture is not there"] == 1


def test_orders_of_pairs(found: Statistics) -> None:
    assert table(found, "Order of pairs")[:4] == [
        ("train", "ee", "forward", 7, 3, 3 / 7),
        ("train", "ee", "backward", 1, 0, 0.0),
        ("train", "oo", "forward", 1, 1, 1.0),
        ("train", "eo", "forward", 1, 1, 1.0),
    ]


def test_relations_and_their_figure(found: Statistics) -> None:
    rows = table(found, "Relations")
    assert rows[0] == ("none", 6, 0.5, 6, 0, 0, 5, 0, 1)
    assert rows[1] == ("/per/per/partner", 3, 0.25, 3, 0, 0, 2, 1, 0)
    (figure,) = found.distributions
    assert dict(zip(figure.kinds, figure.counts, strict=True)) == {row[0]: row[1] for row in rows}


def test_lengths_in_word_pieces(found: Statistics) -> None:
    """Against the tokenizer by itself: [CLS], [SEP], markers; captions with theirs, [SEP]."""
    tokenizer = words_tokenizer()

    def pieces(text: str) -> int:
        return sum(len(tokenizer.tokenize(word)) for word in text.split())

    sentence = pieces(" ".join(WORDS))
    captions = {name: pieces(text) for name, text in CAPTIONS.items()}
    sizes = [6 + sentence] * 6  # two entities without a caption, four more below
    sizes += [2 + sentence + 1 + 4 + captions["[OBJ0]"] + captions["[OBJ1]"]]
    sizes += [2 + sentence + 2 + 1 + 2 + captions["[OBJ0]"]]
    sizes += [6 + sentence + 1 + 2 + captions["Oslo"]]
    sizes += [6 + pieces(" ".join(OTHER))]
    (train, *_) = table(found, "Word pieces of a pair, with its markers")
    longer = sum(size > 25 for size in sizes)
    assert 0 < longer < 10
    assert train[:3] == ("train", 10, sorted(sizes)[4])
    assert train[5:] == (max(sizes), 25, longer, longer / 10)


def test_objects_of_pictures(found: Statistics) -> None:
    assert table(found, "Objects of a picture")[0] == ("train", 1, 2, 2, 2, 2, 3, 0, 0.0)


@pytest.mark.parametrize("pairs", ["each", "shared"])
def test_what_is_needed_is_what_is_filled_and_lost(tmp_path: Path, pairs: str) -> None:
    folder = umre(tmp_path / "data", TRAIN[:-1])
    settings = config(folder, tmp_path / "cache", max_tokens=20)
    settings.model.pairs = pairs
    data = PairDataset(settings)
    form = lengths.Form(settings)
    featurize = form.featurize(words_tokenizer(), lengths.Folder(folder))
    examples = form.examples_of_posts([data.listed("train")[:6]])
    assert any(featurize.lost(one) for one in examples)
    for one in examples:
        assert featurize.needed(one) == featurize.filled(one)[0] + featurize.lost(one)


def test_without_a_tokenizer_the_rest_is_counted(tmp_path: Path) -> None:
    settings = config(umre(tmp_path / "data"), tmp_path / "cache", triplets="ee,eo")
    found = make.statistics(settings, tmp_path)
    assert any(note.startswith("Lengths are not counted: ") for note in found.notes)
    assert any("Pairs of the types oo are left out" in note for note in found.notes)
    assert table(found, "Splits")[0][-5:] == (3, 2, 2, 0, 1)


def test_all_pairs_at_once_are_those_of_the_records(tmp_path: Path) -> None:
    data = PairDataset(config(umre(tmp_path / "data"), tmp_path / "cache", triplets="ee,oo"))
    records, listed = data.records("train"), data.listed("train")
    assert len(records) == len(listed) == 3
    for index, one in enumerate(listed):
        other = records[index]
        assert one.img_id == ("a.png", "a.png", "missing.png")[index]
        for name in ("tokens", "head", "tail", "image", "depth", "objects", "captions", "label"):
            assert getattr(one, name) == getattr(other, name)
        assert (one.file, one.line, one.row) == (other.file, other.line, other.row)
        np.testing.assert_array_equal(one.boxes, other.boxes)


Plain = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def plain(shared: Path) -> Plain:
    """MNRE's rows, as Python reads them."""
    splits = {"train": "train", "validation": "val", "test": "test"}
    files = {split: shared / "data" / "mnre" / f"mnre_{name}.txt" for split, name in splits.items()}
    return {split: [*map(ast.literal_eval, file.open())] for split, file in files.items()}


@pytest.fixture(scope="module")
def mnre(plain: Plain) -> dict[str, Rows]:
    names = sorted({one["relation"] for rows in plain.values() for one in rows})
    names.remove("None")
    labels = {name: number for number, name in enumerate(["None", *names])}

    def pair(one: dict[str, Any]) -> Pair:
        head, tail = (Argument(one[end]["name"], tuple(one[end]["pos"])) for end in "ht")
        label = labels[one["relation"]]
        return Pair(tuple(one["token"]), head, tail, img_id=one["img_id"], label=label)

    return {split: Rows([*map(pair, rows)], {}) for split, rows in plain.items()}


def test_mnre_as_the_paper_counts_it(mnre: dict[str, Rows]) -> None:
    ours, paper = tables.table_1(mnre, "MNRE-2", "mnre").rows
    assert ours[1:] == paper[1:] == ("Yes", 9_201, 9_201, 0, 15_485, 1, 23)


def test_mnre_against_a_plain_count(mnre: dict[str, Rows], plain: Plain) -> None:
    """Sentences that splits share, labels that differ by picture, spans in others, orders."""
    words = {split: {tuple(one["token"]) for one in rows} for split, rows in plain.items()}
    shared_rows = [row for row in make.overlaps(mnre).rows if row[0] == "sentences"]
    assert [(row[1], row[3], row[4]) for row in shared_rows] == [
        ("validation", "train", len(words["validation"] & words["train"])),
        ("test", "train", len(words["test"] & words["train"])),
        ("test", "validation", len(words["test"] & words["validation"])),
    ]
    found = checks.of_pairs(mnre)
    for split, rows in plain.items():
        labels: dict[Any, set[str]] = {}
        inside = crossing = 0
        for one in rows:
            (a, b), (c, d) = one["h"]["pos"], one["t"]["pos"]
            labels.setdefault((*one["token"], a, b, c, d), set()).add(one["relation"])
            common = set(range(a, b)) & set(range(c, d))
            inside += bool(common) and len(common) == min(b - a, d - c)
            crossing += bool(common) and len(common) < min(b - a, d - c)
        differ = sum(len(some) > 1 for some in labels.values())
        assert (
            found["pairs of the same words with several relations, whatever the picture"][split]
            == differ
        )
        assert found["pairs with one end inside the other"][split] == inside
        assert found["pairs whose head and tail cross"][split] == crossing
    backward = Counter(
        one["relation"] != "None" for one in plain["train"] if one["h"]["pos"] > one["t"]["pos"]
    )
    expected = ("train", "ee", "backward", backward.total(), backward[True])
    assert tuple(tables.orders(mnre).rows[1][:5]) == expected
