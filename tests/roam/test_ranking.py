"""Ranks against a brute-force ranking in float64, on graphs with ties and repeated edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scored import of_scores

from remote_jax.roam.ranking import KnownAnswers, both_directions, pack, summary


def brute_force(scores, queries, targets, triples, relations):
    """Counts, query by query, with Python's sets."""
    true = {(h, r, t) for h, r, t in triples} | {(t, r + relations, h) for h, r, t in triples}
    found = []
    for number, ((head, relation), target) in enumerate(zip(queries, targets, strict=True)):
        wanted, rank = scores[number, target], 1.0
        for entity, value in enumerate(scores[number]):
            if entity == target or (head, relation, entity) in true:
                continue
            rank += 1.0 if value > wanted else 0.5 if value == wanted else 0.0
        found.append(rank)
    return np.array(found)


@st.composite
def graphs(draw):
    entities, relations = draw(st.integers(2, 7)), draw(st.integers(1, 3))
    triple = st.tuples(
        st.integers(0, entities - 1), st.integers(0, relations - 1), st.integers(0, entities - 1)
    )
    splits = [draw(st.lists(triple, min_size=1, max_size=12)) for _ in range(3)]
    values = st.sampled_from([-1.0, 0.0, 0.5, 0.5 + 2**-20, 3.0])
    table = draw(
        st.lists(
            st.lists(values, min_size=entities, max_size=entities),
            min_size=entities * 2 * relations,
            max_size=entities * 2 * relations,
        )
    )
    return entities, relations, [np.array(split) for split in splits], np.array(table)


def ranked(scores, queries, targets, known, entities):
    """Ranks, with the known answers sent as they are in training: as packed bits.

    Always of as many queries, so that there is one program for each number of entities.
    """
    bits = np.stack([pack(known.answers_to(query), entities) for query in queries])
    rows = (np.asarray(scores, np.float32), np.asarray(targets), bits)
    full = [np.pad(x, [(0, 24 - len(queries)), *[(0, 0)] * (x.ndim - 1)]) for x in rows]
    batch = {"target": full[1], "known": full[2]}
    return of_scores(full[0], batch, loss="sigmoid")["rank"][: len(queries)].tolist()


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_ranks_are_those_of_brute_force(graph):
    entities, relations, splits, table = graph
    queries, targets = both_directions(splits[2], relations)
    rows = table[queries[:, 0] * 2 * relations + queries[:, 1]]
    found = ranked(rows, queries, targets, KnownAnswers.from_splits(splits, relations), entities)
    triples = [tuple(map(int, triple)) for triple in np.concatenate(splits)]
    expected = brute_force(rows, queries.tolist(), targets, triples, relations)
    np.testing.assert_array_equal(found, expected)


def test_queries_in_both_directions():
    queries, targets = both_directions(np.array([[4, 1, 7], [2, 0, 4]]), 3)
    assert queries.tolist() == [[4, 1], [2, 0], [7, 4], [4, 3]]
    assert targets.tolist() == [7, 4, 4, 2]


def test_a_target_that_is_not_known_does_not_rank_against_itself():
    known = KnownAnswers.from_splits([np.array([[0, 0, 1]])], 1)
    queries = np.array([[0, 0], [3, 1]])
    # Of four equal scores one is known and left out, the other two share places 1 to 3.
    assert ranked(np.zeros((2, 4)), queries, [2, 0], known, 4) == [2.0, 2.5]


def test_what_is_not_a_number_ranks_last():
    known = KnownAnswers.from_splits([np.array([[0, 0, 1]])], 1)
    for values, rank in (([1.0, np.nan, 0.0], 3), ([np.nan, 0.5, 0.0], 2)):
        assert ranked([values], np.array([[0, 0]]), [1], known, 3) == [rank]


def test_summary():
    found = summary(np.array([1.0, 2.0, 4.0, 20.0]))
    assert found == {
        "mr": 6.75,
        "mrr": pytest.approx((1 + 0.5 + 0.25 + 0.05) / 4),
        "hits@1": 0.25,
        "hits@3": 0.5,
        "hits@10": 0.75,
    }
    assert summary(np.zeros(0))["mrr"] == 0
