"""Statistics of sentences: a folder whose faults are known by hand, and MNRE against Table 3."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import jmere_files
import numpy as np
import pytest
from jmere_files import ANN, BOB, HALL, WORDS, end, label, row
from PIL import Image

from configs import jmere
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.eega.statistics import make, tables
from remote_jax.encoders import tokenizer
from remote_jax.reporting.statistics import Statistics

OTHER = ["Bob", "is", "in", "Oslo"]
TRAIN = [
    row(),  # ann peer bob, bob lives in the hall
    row([label(ANN, BOB, "couple")]),  # the same words, other labels
    row(
        [label(BOB, ANN, "peer"), label(ANN, BOB, "peer"), label(ANN, BOB, "couple")],
        tokens=[*WORDS, "!"],
        image="missing.png",
    ),
    {
        **row([], tokens=[*WORDS, "?"], image=None),
        "entities": [end(5, 7, "loc"), end(6, 8, "loc"), end(5, 6, "org"), end(5, 6, "per")],
    },
    row([label(end(0, 9, "per"), BOB, "peer")]),  # beyond the sentence: malformed
]
TEST = [row(image="same.png"), row([], tokens=OTHER, image="other.png")]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Statistics:
    folder = jmere_files.jmere(tmp_path_factory.mktemp("jmere") / "data", TRAIN, ("train",))
    (folder / "val.json").write_text(json.dumps([row([label(ANN, HALL, "member_of")])]))
    (folder / "test.json").write_text(json.dumps(TEST))
    pictures = folder / "img_org"
    (pictures / "same.png").write_bytes((pictures / "a.png").read_bytes())
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(pictures / "other.png")
    boxes = [[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    (folder / "boxes.json").write_text(json.dumps({"a.png": boxes, "same.png": boxes[:2]}))
    run = folder.parent / "run"
    tokenizer.train([" ".join(WORDS)], 200).save_pretrained(run / "tokenizer")
    config = jmere.get_config()
    config.data.update({"dir": str(folder), "cache": str(folder.parent / "cache")})
    config.data.update({"max_rejected": 0.5, "max_words": 8, "max_objects": 2})
    return make.statistics(config, run)


def table(found: Statistics, title: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for one in found.tables if one.title == title for row in one.rows]


def test_table_3(found: Statistics) -> None:
    """Words of training: the eight, and two signs."""
    train, paper, validation, _, test, _ = table(found, "Table 3 of EEGA")
    assert train == ("train", 4, 3 + 2 + 2 + 4, 10, (8 + 8 + 9 + 9) / 4)
    assert paper == ("JMERE's train in the paper", 3_617, 9_006, 15_981, 16.31)
    assert validation == ("validation", 1, 2, 8, 8.0)
    assert test == ("test", 2, 3, 10, 6.0)  # Bob and Oslo are known


def test_what_is_in_each_split(found: Statistics) -> None:
    assert table(found, "Splits") == [
        ("train", 4, 34, 1, 11, 6),
        ("validation", 1, 8, 1, 2, 1),
        ("test", 2, 12, 2, 3, 2),
    ]


def test_questions_of_sentences(found: Statistics) -> None:
    assert {what: count for what, count, *_ in table(found, "Sentences")} == {
        "sentences": 4,
        "sentences that stand before": 1,
        "sentences that stand there with several labels": 1,
        "sentences without an entity": 0,
        "sentences without a relation": 1,
        "sentences with an entity inside another": 1,
        "sentences with entities that cross": 1,
        "sentences without a picture": 2,
        "entities with several types in a sentence": 1,
        "names with several types": 1,  # Oslo is an organization and a person
        "quintuples": 6,
        "quintuples whose head comes after the tail": 1,
        "pairs with several relations": 1,
        "pairs that are related in both orders": 1,
        "quintuples that no matrix of tags holds": 1,
    }


def test_questions_of_files(found: Statistics) -> None:
    assert table(found, "Files") == [
        ("rows that are read", 4, 1, 2),
        ("rows left out as malformed", 1, 0, 0),
        ("sentences whose picture is not there", 1, 0, 0),
    ]


def test_what_splits_share(found: Statistics) -> None:
    rows = table(found, "Overlaps between splits")
    test = {
        what: (distinct, n)
        for what, split, distinct, other, n, _ in rows
        if (split, other) == ("test", "train")
    }
    assert test == {
        "sentences": (2, 1),
        "pictures": (2, 1),  # under another name
        "words": (10, 8),
        "names with their type": (3, 3),
        "names of two entities with types and relation": (2, 2),
    }


def test_lengths(found: Statistics) -> None:
    assert table(found, "Words of a sentence")[0] == ("train", 4, 8, 9, 9, 9, 8, 2, 0.5)
    pieces = tokenizer.train([" ".join(WORDS)], 200)
    size = 2 + sum(len(pieces.tokenize(word)) for word in WORDS)
    validation = table(found, "Word pieces of a sentence")[1]
    assert validation[:3] == ("validation", 1, size)
    objects = table(found, "Objects that files list of a picture")
    assert objects == [
        ("train", 2, 3, 3, 3, 3, 2, 2, 1.0),
        ("validation", 1, 3, 3, 3, 3, 2, 1, 1.0),
        ("test", 2, 0, 2, 2, 2, 2, 0, 0.0),
    ]


def test_types_and_relations(found: Statistics) -> None:
    relations = {row[0]: row[3:] for row in table(found, "Relations")}
    assert relations["peer"] == (3, 0, 1) and relations["couple"] == (2, 0, 0)
    types = {row[0]: row[1] for row in table(found, "Types of entities")}
    assert types == {"per": 2 + 2 + 2 + 1 + 1 + 2, "loc": 1 + 2 + 1 + 1, "org": 1}
    first, second = found.distributions
    assert dict(zip(first.kinds, first.counts, strict=True)) == types
    assert second.kinds[0] == "peer"


def test_the_vocabulary_of_table_3(shared: Path) -> None:
    """Sentences of MNRE with a relation have the words that the paper counts, to one."""
    splits = {}
    for split, name in (("train", "train"), ("validation", "val")):
        lines = (shared / "data" / "mnre" / f"mnre_{name}.txt").open()
        rows = [ast.literal_eval(one) for one in lines if "'relation': 'None'" not in one]
        words = {tuple(one["token"]) for one in rows if one["relation"] != "None"}
        splits[split] = [Sentence(one, "") for one in words]
    (train, paper, validation, other) = tables.table_3(splits, paper=True).rows
    assert train[3] == paper[3] == 15_981
    assert validation[3] == other[3] == 3_535


def test_a_pair_in_both_orders_counts_once() -> None:
    one, other = Entity(0, 1, 0), Entity(1, 2, 0)
    labels = Labels.from_quintuples([Quintuple(one, other, 0), Quintuple(other, one, 1)])
    found = tables.questions({"train": [Sentence(("a", "b"), "", labels)]})
    assert found["pairs that are related in both orders"]["train"] == 1
