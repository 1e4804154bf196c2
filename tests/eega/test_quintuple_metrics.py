"""Scores of quintuples and entities, against counting one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_sets import any_labels

from remote_jax.eega import metrics
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.errors import UserError

CURRY, NBA = Entity(0, 2, 0), Entity(4, 5, 1)
MEMBER = Quintuple(CURRY, NBA, 1)


def by_hand(gold, found):
    """Precision, recall and F1 of lists of distinct things, of each sentence."""
    right = sum(one in there for here, there in zip(found, gold, strict=True) for one in here)
    claimed, named = sum(map(len, found)), sum(map(len, gold))
    precision = right / claimed if claimed else 0
    recall = right / named if named else 0
    f1 = 2 * precision * recall / (precision + recall) if right else 0
    return {"precision": precision, "recall": recall, "f1": f1}


@given(st.lists(st.tuples(any_labels(4), any_labels(4)), max_size=4))
def test_scores_are_those_counted_by_hand(cases):
    gold, found = [a for (_, a), _ in cases], [b for _, (_, b) in cases]
    quintuples = [[list(labels.quintuples) for labels in side] for side in (gold, found)]
    entities = [[list(labels.entities) for labels in side] for side in (gold, found)]
    unordered = [
        [{(*sorted((q.head, q.tail)), q.relation) for q in labels.quintuples} for labels in side]
        for side in (gold, found)
    ]
    mner = {f"mner_{key}": value for key, value in by_hand(*entities).items()}
    directed, folded = by_hand(*quintuples), by_hand(*unordered)
    assert metrics.summary(gold, found, "directed") == pytest.approx({**directed, **mner})
    assert metrics.summary(gold, found, "folded") == pytest.approx({**folded, **mner})


def test_every_part_of_a_quintuple_must_match():
    wrong = [
        Quintuple(Entity(0, 1, 0), NBA, 1),
        Quintuple(Entity(0, 2, 2), NBA, 1),
        Quintuple(CURRY, Entity(3, 5, 1), 1),
        Quintuple(CURRY, NBA, 2),
    ]
    gold = [Labels.from_quintuples([MEMBER])]
    for one in wrong:
        for protocol in metrics.PROTOCOLS:
            assert metrics.quintuples(gold, [Labels.from_quintuples([one])], protocol).f1 == 0


def test_only_folded_takes_the_other_direction():
    gold, found = (
        [Labels.from_quintuples([MEMBER])],
        [Labels.from_quintuples([Quintuple(NBA, CURRY, 1)])],
    )
    assert metrics.quintuples(gold, found, "directed").f1 == 0
    assert metrics.quintuples(gold, found, "folded").f1 == 1
    assert metrics.entities(gold, found).f1 == 1


def test_folded_may_be_below_directed():
    """A pair that is right both ways counts twice as directed, once as folded."""
    back, wrong = Quintuple(NBA, CURRY, 1), Quintuple(CURRY, Entity(7, 8, 0), 2)
    gold = [Labels.from_quintuples([MEMBER, back])]
    found = [Labels.from_quintuples([MEMBER, back, wrong])]
    assert metrics.quintuples(gold, found, "directed").precision == pytest.approx(2 / 3)
    assert metrics.quintuples(gold, found, "folded").precision == pytest.approx(1 / 2)


def test_the_same_quintuple_in_another_sentence_is_wrong():
    gold = [Labels.from_quintuples([MEMBER]), Labels()]
    assert metrics.quintuples(gold, gold[::-1], "directed").f1 == 0


def test_entities_without_a_relation_count():
    score = metrics.entities(
        [Labels.from_quintuples([MEMBER])], [Labels.from_quintuples([], [CURRY, Entity(7, 8, 0)])]
    )
    assert (score.precision, score.recall, score.support) == (0.5, 0.5, 2)


def test_sentences_must_be_the_same():
    with pytest.raises(ValueError):
        metrics.entities([Labels()], [])


def test_an_unknown_protocol_is_an_error():
    with pytest.raises(UserError, match="'both' is unknown, expected directed or folded"):
        metrics.summary([], [], "both")
