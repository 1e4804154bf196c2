"""Every kind of question, against a table of all scores that is read by brute force."""

import numpy as np
import pytest
import scored
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from remote_jax.data.posts import Query, values_of
from remote_jax.roam.data import triples
from remote_jax.roam.data.lookup import PSEUDOCOUNT, Lookup
from remote_jax.roam.data.queries import Questions
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.probabilities import TEMPERATURES, with_probabilities

ENTITIES = tuple(f"e{i}" for i in range(230))
RELATIONS = ("likes", "knows", "isA", "unused")
HUB, LONER, UNUSED = 0, 229, 3
HOT = float(TEMPERATURES[5])
MODALITIES = ("structure", "image")


def make_graph():
    """A hub with 150 known answers; an entity and a relation that training has nothing of."""
    rng = np.random.default_rng(0)
    rows = {(i, 2, HUB) for i in range(1, 151)}
    for _ in range(300):
        head, tail = rng.integers(1, 229, 2).tolist()
        rows.add((head, int(rng.integers(2)), tail))
    order = np.array(sorted(rows), np.int32)[rng.permutation(len(rows))]
    train, test = order[:380], np.concatenate([order[380:], [[LONER, 0, 5], [1, UNUSED, 2]]])
    return Graph(ENTITIES, RELATIONS, {"train": train, "test": test.astype(np.int32)}, "")


GRAPH = make_graph()
TRUE = {tuple(row) for rows in GRAPH.splits.values() for row in rows.tolist()}
SCORES = np.random.default_rng(1).integers(-40, 40, (2, 4, 230, 230)).astype(np.float32) / 8
"""Of each direction (for tails, for heads), relation, given entity and answer; many tie."""
SHARES = np.random.default_rng(2).dirichlet(np.ones(3), 230)
WEIGHTS = np.random.default_rng(3).dirichlet(np.ones(2), (230, 3))
"""Routing of a query, by its entity."""


def ask(*questions, loss="softmax"):
    lookup = Lookup(GRAPH, MODALITIES, loss)
    read = Questions.read(map(values_of, questions), lookup)
    found = scored.outputs(read, lambda q: SCORES[q[:, 1] // 4, q[:, 1] % 4, q[:, 0]], loss)
    entity = [read.dataset[place]["query"][0] for place in range(len(read.dataset))]
    found |= {"shares": SHARES[entity], "weights": WEIGHTS[entity]}
    return list(read.answers(with_probabilities(loss, found, HOT)))


def known(direction, relation, given_entity, answer):
    triple = (given_entity, relation, answer)
    return (triple[::-1] if direction else triple) in TRUE


def brute(direction, relation, entity, *, new=False):
    """All answers of a query, the best first: entity, score, probability, known."""
    scores = SCORES[direction, relation, entity].astype(float)
    marked = np.array([known(direction, relation, entity, e) for e in range(230)])
    found = []
    for e in range(230):
        there = [x for x in range(230) if x == e or not marked[x]]
        chance = softmax(scores[there] / HOT)[there.index(e)]
        found.append((e, scores[e], chance, bool(marked[e])))
    found = [one for one in found if not (new and one[3])]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def assert_same(answers, expected):
    assert [(a.name, a.score, a.known) for a in answers] == [
        (ENTITIES[e], score, is_known) for e, score, _, is_known in expected
    ]
    np.testing.assert_allclose([a.probability for a in answers], [x[2] for x in expected], 1e-4)
    assert [a.untrained for a in answers] == [not GRAPH.seen[x[0]] for x in expected]


@pytest.mark.parametrize("top", [1, 100, 101, 229, 10_000])
@pytest.mark.parametrize("new", [True, False])
def test_the_best_answers_of_a_hub(top, new):
    """Its 150 known answers are more than a page; a person asks for the others."""
    asked = Query(relation="isA", tail="e0", top=top, known=not new)
    hub, other = ask(asked, Query(head="e7", relation="likes", top=3))
    expected = brute(1, 2, HUB, new=new)
    assert len(expected) == (230 - 150 if new else 230)
    assert_same(hub.answers, expected[:top])
    assert_same(other.answers, brute(0, 0, 7)[:3])


def test_what_has_no_training_triple_says_so():
    loner, unused, both, usual = ask(
        Query(head="e229", relation="likes"),
        Query(relation="unused", tail="e5"),
        Query(head="e3", relation="unused", tail="e229"),
        Query(head="e3", relation="likes"),
    )
    assert (loner.untrained, unused.untrained) == (("head",), ("relation",))
    assert both.to_dict()["untrained"] == ["relation", "tail"]
    assert usual.untrained == () and "untrained" not in usual.to_dict()
    relations = ask(Query(head="e3", tail="e7"))[0].to_dict()["answers"]
    assert [a["name"] for a in relations if a.get("untrained")] == ["unused"]


@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
@pytest.mark.parametrize("triple", [(1, 2, HUB), (3, 0, 9), (LONER, 0, 5), (5, 1, 5)])
def test_a_triple_has_its_filtered_ranks(triple, loss):
    head, relation, tail = triple
    asked = Query(head=ENTITIES[head], relation=RELATIONS[relation], tail=ENTITIES[tail])
    (found,) = ask(asked, loss=loss)
    assert found.known == (triple in TRUE)
    for direction, (given_entity, target) in enumerate(((head, tail), (tail, head))):
        end = ("tail", "head")[direction]
        scores = SCORES[direction, relation, given_entity]
        rivals = [
            scores[e]
            for e in range(230)
            if e != target and not known(direction, relation, given_entity, e)
        ]
        above, beside = (sum(x > scores[target] for x in rivals), rivals.count(scores[target]))
        assert getattr(found.rank, end) == 1 + above + beside / 2
        assert getattr(found.score, end) == scores[target]
        chance = expit(float(scores[target]) / HOT)
        if loss == "softmax":
            chance = dict((x[0], x[2]) for x in brute(direction, relation, given_entity))[target]
        assert getattr(found.probability, end) == pytest.approx(chance, rel=1e-4)


def relation_scores(head, tail):
    """log of P(t | h, r) P(r | h) P(h | r, t) P(r | t), from the table and the training triples."""
    train = GRAPH.splits["train"].tolist()
    of_head = np.array([sum(x[0] == head and x[1] == r for x in train) for r in range(4)])
    of_tail = np.array([sum(x[2] == tail and x[1] == r for x in train) for r in range(4)])
    found = np.zeros(4)
    for counts in (of_head, of_tail):
        found += np.log((counts + PSEUDOCOUNT) / (counts.sum() + 4 * PSEUDOCOUNT))
    for r in range(4):
        found[r] += np.log(dict((x[0], x[2]) for x in brute(0, r, head))[tail])
        found[r] += np.log(dict((x[0], x[2]) for x in brute(1, r, tail))[head])
    return found


@pytest.mark.parametrize("pair", [(1, HUB), (12, 100), (LONER, 5), (1, 2)])
def test_relations_of_a_pair(pair):
    head, tail = (ENTITIES[e] for e in pair)
    every, new = ask(Query(head=head, tail=tail), Query(head=head, tail=tail, known=False, top=2))
    expected = relation_scores(*pair)
    marked = [(pair[0], r, pair[1]) in TRUE for r in range(4)]
    order = sorted(range(4), key=lambda r: -expected[r])
    assert [a.name for a in every.answers] == [RELATIONS[r] for r in order]
    assert [a.known for a in every.answers] == [marked[r] for r in order]
    np.testing.assert_allclose([a.score for a in every.answers], expected[order], 1e-4)
    chances = [a.probability for a in every.answers]
    np.testing.assert_allclose(chances, softmax(expected)[order], 1e-3)
    assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1)
    left = [a for a in every.answers if not a.known]
    assert new.answers == tuple(left[:2])


def test_the_only_new_relation_is_not_certain():
    """A graph of two relations, one of which the pair has: the other is not likely by that."""
    graph = Graph(("a", "b"), ("r", "q"), {"train": np.array([[0, 0, 1]] * 9, np.int32)}, "")
    read = Questions.read([values_of(Query(head="a", tail="b"))], Lookup(graph))
    found = scored.outputs(read, lambda q: np.zeros((len(q), 2), np.float32), "softmax")
    (answer,) = read.answers(with_probabilities("softmax", found, HOT))
    assert [a.known for a in answer.answers] == [True, False]
    assert answer.answers[1].probability < 0.1


def test_a_sigmoid_model_needs_no_shares_of_relations():
    (found,) = ask(Query(head="e12", tail="e100"), loss="sigmoid")
    logits = (SCORES[0, :, 12, 100] / HOT, SCORES[1, :, 100, 12] / HOT)
    chances = np.sqrt(expit(logits[0].astype(float)) * expit(logits[1].astype(float)))
    assert [a.name for a in found.answers] == [RELATIONS[r] for r in np.argsort(-chances)]
    np.testing.assert_allclose([a.probability for a in found.answers], -np.sort(-chances), 1e-5)


def test_routing_is_told_on_request():
    entity, triple, silent = ask(
        Query(head="e7", relation="likes", routing=True, top=101),
        Query(head="e7", relation="likes", tail="e9", routing=True),
        Query(head="e7", relation="likes", routing=False),
    )
    expected = [
        {"share": SHARES[e][k], "modalities": dict(zip(MODALITIES, WEIGHTS[e][k], strict=True))}
        for e in (7, 9)
        for k in range(3)
    ]
    assert entity.to_dict()["routing"] == expected[:3]
    assert triple.to_dict()["routing"] == {"tail": expected[:3], "head": expected[3:]}
    assert silent.routing is None and "routing" not in silent.to_dict()


QUERIES = st.builds(
    Query,
    head=st.sampled_from(["e1", "e7", "e229"]),
    relation=st.sampled_from(["isA", "unused"]),
    top=st.sampled_from([None, 2, 120]),
    known=st.sampled_from([None, True, False]),
) | st.builds(Query, head=st.just("e1"), tail=st.sampled_from(["e0", "e9"]))


@settings(max_examples=10)
@given(st.lists(QUERIES, min_size=1, max_size=4), st.booleans())
def test_each_question_has_the_answer_that_it_has_by_itself(questions, triple):
    if triple:
        questions = [*questions, Query(head="e1", relation="isA", tail="e0")]
    for one, found in zip(questions, ask(*questions), strict=True):
        (alone,) = ask(one)
        assert_alike(found.to_dict(), alone.to_dict())


def assert_alike(found, expected):
    """The same values of JSON, numbers to 1e-5."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_alike(found[key], expected[key])
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other)
    else:
        assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_new_answers_of_a_hub_whose_hundred_best_are_known(shared):
    """Scores rise with an entity's number, so that what is right is seen."""
    graph = triples.read(shared / "cases" / "hub_all_known" / "graph")
    hub, relation = graph.entities.index("film"), graph.relations.index("isA")
    facts = np.concatenate(list(graph.splits.values()))
    told = facts[(facts[:, 1] == relation) & (facts[:, 2] == hub), 0]
    true = {graph.entities[head] for head in told}
    asked = [Query(relation="isA", tail="film", top=40, known=known) for known in (True, False)]
    read = Questions.read(map(values_of, asked), Lookup(graph, MODALITIES, "softmax"))
    rising = np.arange(len(graph.entities), dtype=np.float32)
    found = scored.outputs(read, lambda queries: np.tile(rising, (len(queries), 1)))
    every, new = read.answers(with_probabilities("softmax", found, HOT))
    best = graph.entities[::-1]
    assert len(true) > 100
    assert [one.name for one in new.answers] == [name for name in best if name not in true][:40]
    assert [one.name for one in every.answers] == list(best[:40])
