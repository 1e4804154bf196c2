"""Tags of word pairs: what goes in comes out, and what cannot go in is said."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_sets import RELATIONS, TYPES, VOCABULARY, any_labels, taggable_labels

from remote_jax.eega import tags
from remote_jax.eega.quintuples import Entity, Labels, Quintuple

PRIORS = tags.Priors(touching=6.2)
CURRY, NBA, THOMPSON = Entity(0, 2, 0), Entity(2, 3, 1), Entity(5, 6, 0)


@given(taggable_labels())
def test_labels_apart_survive_tags(case):
    words, labels = case
    matrix = tags.encode(labels, words, VOCABULARY)
    assert tags.taggable(labels) == labels
    assert tags.decode_tags(matrix, VOCABULARY) == labels


@given(taggable_labels())
def test_every_cell_is_what_the_paper_says(case):
    words, labels = case
    matrix = tags.encode(labels, words, VOCABULARY)
    for i, j in itertools.product(range(words), repeat=2):
        of = [e.type + 1 for e in labels.entities if e.start <= i < e.end and e.start <= j < e.end]
        of += [
            q.relation + 1 + TYPES
            for q in labels.quintuples
            if q.head.start <= i < q.head.end and q.tail.start <= j < q.tail.end
        ]
        assert matrix[i, j] == (of or [0])[0] and len(of) <= 1


@given(any_labels())
def test_other_labels_lose_what_taggable_leaves_out_and_nothing_else(case):
    words, labels = case
    kept = tags.taggable(labels)
    assert kept.entities <= labels.entities and kept.quintuples <= labels.quintuples
    assert not any(a.overlaps(b) for a, b in itertools.combinations(kept.entities, 2))
    for lost in labels.entities - kept.entities:
        winners = [e for e in kept.entities if e.overlaps(lost)]
        assert any(e.end - e.start >= lost.end - lost.start for e in winners)
    for lost in labels.quintuples - kept.quintuples:
        rivals = [q for q in kept.quintuples if (q.head, q.tail) == (lost.head, lost.tail)]
        assert {lost.head, lost.tail} - kept.entities or rivals
    matrix = tags.encode(labels, words, VOCABULARY)
    assert tags.decode_tags(matrix, VOCABULARY) == kept
    np.testing.assert_array_equal(tags.encode(kept, words, VOCABULARY), matrix)


@given(any_labels(), st.randoms())
def test_what_is_kept_does_not_depend_on_an_order(case, random):
    _, labels = case
    entities, quintuples = list(labels.entities), list(labels.quintuples)
    random.shuffle(entities), random.shuffle(quintuples)
    assert tags.taggable(Labels(frozenset(entities), frozenset(quintuples))) == tags.taggable(
        labels
    )


def test_the_longest_of_nested_entities_is_kept():
    inner, outer = Entity(3, 4, 2), Entity(2, 5, 1)
    labels = Labels.from_quintuples([Quintuple(inner, outer, 3), Quintuple(CURRY, outer, 1)])
    labels = Labels.from_quintuples(labels.quintuples, [NBA])
    assert tags.taggable(labels) == Labels.from_quintuples([Quintuple(CURRY, outer, 1)])


def test_the_first_relation_of_the_vocabulary_is_kept():
    for start, (one, other) in enumerate(itertools.combinations(range(RELATIONS), 2), start=6):
        head = Entity(start, start + 2, 0)
        both = [Quintuple(head, CURRY, relation) for relation in (other, one)]
        assert tags.taggable(Labels.from_quintuples(both)).quintuples == {both[1]}
        other_way = Quintuple(CURRY, head, other)
        assert tags.taggable(Labels.from_quintuples([*both, other_way])).quintuples == {
            both[1],
            other_way,
        }


def test_a_name_does_not_fall_apart_where_its_words_are_surer_than_the_whole():
    """Both words by themselves are surely of type 1, and of one entity rather not."""
    logits = np.zeros((2, 2, 1 + TYPES + RELATIONS))
    logits[[0, 1], [0, 1], 2] = 5.0
    logits[[0, 1], [1, 0], 2] = -1.0
    assert set(tags.decode(logits, VOCABULARY, PRIORS).entities) == {Entity(0, 2, 1)}
    logits[1, 1, 3] = 5.5  # a little surer of another type
    assert set(tags.decode(logits, VOCABULARY, PRIORS).entities) == {Entity(0, 2, 1)}
    logits[1, 1, 2], logits[0, 0, 2], logits[1, 1, 3] = 0.0, 15.0, 15.0  # by far
    found = tags.decode(logits, VOCABULARY, PRIORS).entities
    assert set(found) == {Entity(0, 1, 1), Entity(1, 2, 2)}


def test_an_entity_has_no_relation_to_itself():
    assert tags.taggable(
        Labels.from_quintuples([Quintuple(CURRY, CURRY, 1)])
    ) == Labels.from_quintuples([], [CURRY])


def likeliest_spans(logits):
    """By trying every set of spans that do not overlap."""
    words = len(logits)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    spans = [
        Entity(s, e, t) for s in range(words) for e in range(s + 1, words + 1) for t in range(3)
    ]

    def score(entity):
        block = p[entity.start : entity.end, entity.start : entity.end]
        odds = np.log(block[..., 1 + entity.type] / (1 - block[..., 1 : 1 + TYPES].sum(-1)))
        return (odds.sum() + np.trace(odds)) / 2

    def touching(some):
        return sum(a.end == b.start for a, b in itertools.pairwise(some))

    best, chosen = 0.0, ()
    for count in range(1, words + 1):
        for some in itertools.combinations(spans, count):
            if any(a.overlaps(b) for a, b in itertools.combinations(some, 2)):
                continue
            total = sum(map(score, some)) - PRIORS.touching * touching(sorted(some))
            if total > best:
                best, chosen = total, some
    return p, chosen


@pytest.mark.parametrize("seed", range(12))
def test_the_likeliest_entities_and_relations_are_found(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (4, 4, 1 + TYPES + RELATIONS))
    logits[range(4), range(4), 1 : 1 + TYPES] += seed % 4
    logits[..., 1 + seed % 3] += seed % 5
    p, entities = likeliest_spans(logits)
    found = tags.decode(logits.astype(np.float32), VOCABULARY, PRIORS)
    assert set(found.entities) == set(entities)
    expected = {}
    for head, tail in itertools.permutations(entities, 2):
        cells = p[head.start : head.end, tail.start : tail.end]
        odds = [np.log(cells[..., 1 + TYPES + r] / cells[..., 0]).sum() for r in range(RELATIONS)]
        if max(odds) > 0:
            relation = int(np.argmax(odds))
            parts = [cells[..., 1 + TYPES + relation].ravel()]
            for end in (head, tail):
                block = p[end.start : end.end, end.start : end.end, 1 + end.type]
                parts.append(block.ravel())
            mean = np.log(np.concatenate(parts)).mean()
            expected[Quintuple(head, tail, relation)] = np.exp(mean)
    assert found.quintuples == pytest.approx(expected, rel=1e-5)
    for entity, probability in found.entities.items():
        block = p[entity.start : entity.end, entity.start : entity.end, 1 + entity.type]
        assert probability == pytest.approx(np.exp(np.log(block).mean()), rel=1e-5)


def test_no_words_have_no_labels():
    assert tags.decode(np.zeros((0, 0, 8)), VOCABULARY, PRIORS).labels == Labels()


def test_decoding_takes_bounded_time_whatever_the_matrix():
    rng = np.random.default_rng(0)
    every_word_an_entity = np.zeros((70, 70, 1 + TYPES + RELATIONS))
    every_word_an_entity[..., 1 + TYPES] = 50
    every_word_an_entity[range(70), range(70)] = np.eye(1 + TYPES + RELATIONS)[1] * 50
    for logits in (rng.normal(0, 9, every_word_an_entity.shape), every_word_an_entity):
        start = time.perf_counter()
        found = tags.decode(logits, VOCABULARY, PRIORS)
        assert time.perf_counter() - start < 1
    assert len(found.entities) == 70 and len(found.quintuples) == 70 * 69


@given(st.lists(any_labels(), max_size=6), st.sets(st.sampled_from(VOCABULARY.relations)))
def test_priors_are_counted_in_the_labels(cases, symmetric):
    labels = [tags.taggable(one) for _, one in cases]
    found = tags.Priors.estimate([one for _, one in cases], VOCABULARY.relations, symmetric)
    entities = [one.entities for one in labels]
    touching = sum(any(b.end == a.start for b in some) for some in entities for a in some)
    odds = max(sum(map(len, entities)) - touching, 1) / (touching or 0.5)
    assert found.touching == pytest.approx(max(round(math.log(odds), 1), 0))
    for number, name in enumerate(VOCABULARY.relations):
        pairs = [
            frozenset((q.head, q.tail))
            for x in labels
            for q in x.quintuples
            if q.relation == number
        ]
        both = len(pairs) - sum(
            len({frozenset((q.head, q.tail)) for q in x.quintuples if q.relation == number})
            for x in labels
        )
        share = both / (len(pairs) - both) if pairs else 0
        assert (number in found.once) == (share == 0 or (name in symmetric and share < 0.5))


def test_names_that_touch_in_training_are_told_apart():
    """Two names in a row, as in "Paris France", each as sure as can be without being certain."""
    logits = np.zeros((2, 2, 1 + TYPES + RELATIONS))
    logits[[0, 1], [0, 1], [1, 3]] = 7.0
    logits[[0, 1], [1, 0], 0] = 7.0
    apart = [Labels(frozenset([Entity(0, 1, 0), Entity(2, 3, 2)]))] * 99
    touching = [Labels(frozenset([Entity(0, 1, 0), Entity(1, 2, 2)]))] * 99
    seldom, often = (tags.Priors.estimate(x, VOCABULARY.relations, ()) for x in (apart, touching))
    assert (seldom.touching, often.touching) == (6.0, 0.0)
    assert len(tags.decode(logits, VOCABULARY, seldom).entities) == 1
    assert set(tags.decode(logits, VOCABULARY, often).entities) == {*touching[0].entities}


def both_ways(relation, there, back):
    """Logits of two entities, with a relation from the one to the other and back."""
    logits = np.zeros((3, 3, 1 + TYPES + RELATIONS))
    logits[0, 0, 1] = logits[2, 2, 1] = 20.0
    logits[0, 2, 1 + TYPES + relation], logits[2, 0, 1 + TYPES + relation] = there, back
    return logits


@pytest.mark.parametrize(("there", "back", "heads"), [(3, 4, [2]), (4, 3, [0]), (3, 3, [0])])
def test_a_relation_that_is_told_once_stays_where_it_is_likelier(there, back, heads):
    logits = both_ways(1, there, back)
    once = tags.decode(logits, VOCABULARY, tags.Priors(once=frozenset([1])))
    assert [one.head.start for one in once.quintuples] == heads
    twice = tags.decode(logits, VOCABULARY, tags.Priors(once=frozenset([0, 2])))
    assert len(twice.quintuples) == 2
    assert twice.quintuples.items() >= once.quintuples.items()
    logits[0, 2, -1], logits[0, 2, 1 + TYPES + 1] = 9.0, 0.0  # another one there
    assert len(tags.decode(logits, VOCABULARY, tags.Priors(once=frozenset([1]))).quintuples) == 2
