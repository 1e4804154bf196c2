"""How answers and tables are written."""

import numpy as np
import pytest
from label_sets import VOCABULARY

from remote_jax.eega import answers
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.eega.tags import CERTAIN, Priors, encode

ANN, BOB, OSLO = Entity(0, 2, 0), Entity(3, 4, 0), Entity(5, 6, 2)
PEER, MEMBER = Quintuple(ANN, BOB, 0), Quintuple(BOB, OSLO, 1)
WORDS = ("Ann", "Lee", "met", "Bob", "in", "Oslo")


def test_outputs_are_read_up_to_their_words():
    tags = np.zeros((2, 8, 8), int)
    tags[0, :6, :6] = encode(Labels.from_quintuples([PEER, MEMBER]), 6, VOCABULARY)
    tags[1] = 1  # beyond its one word, rubbish
    outputs = {
        "tags": -CERTAIN * (tags[..., None] != np.arange(len(VOCABULARY.tags))),
        "words": np.array([6, 1]),
    }
    first, second = answers.decode_outputs(outputs, VOCABULARY, Priors())
    assert first.labels == Labels.from_quintuples([PEER, MEMBER])
    assert second.labels == Labels.from_quintuples([], [Entity(0, 1, 0)])
    written = answers.format_decoded(first, answers.spans_in_words(WORDS), VOCABULARY).to_dict()
    assert written["entities"][0] == {
        **{"name": "Ann Lee", "start": 0, "end": 2},
        **{"type": "per", "probability": 1.0},
    }
    assert [one["relation"] for one in written["quintuples"]] == ["peer", "member_of"]
    assert written["quintuples"][1]["tail"]["name"] == "Oslo"


def test_tables_leave_out_what_never_occurs():
    gold, found = (
        [Labels.from_quintuples([PEER, MEMBER])],
        [Labels.from_quintuples([PEER, Quintuple(OSLO, BOB, 1)])],
    )
    relations = answers.by_relation("test", gold, found, VOCABULARY.relations, "directed")
    assert [tuple(row) for row in relations.rows] == [
        ("peer", 1, 1, 1, 1),
        ("member_of", 0, 0, 0, 1),
    ]
    folded = answers.by_relation("test", gold, found, VOCABULARY.relations, "folded")
    assert [row[3] for row in folded.rows] == [1, 1]
    types = answers.by_type("test", gold, found, VOCABULARY.types)
    assert [tuple(row) for row in types.rows] == [("per", 1, 1, 1, 2), ("loc", 1, 1, 1, 1)]


def test_attention_is_the_mean_over_the_words_of_an_entity():
    attention = np.array([[0.2, 0.8, 0], [0.4, 0.6, 0], [1, 0, 0]])
    entity = {"start": 0, "end": 2}
    answers.add_attention([entity], attention, [{}, {}])
    assert entity["attention"] == pytest.approx([0.3, 0.7])
