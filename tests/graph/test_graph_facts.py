"""Facts: support, probabilities combined, contradictions, and what is no fact."""

import math
from collections import defaultdict

import numpy as np
import pytest
from extracted_posts import BORN, LEFT, MEMBER, SELF, SIBLINGS, post, small, tables
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.graph import facts
from remote_jax.graph.entities import entities
from remote_jax.graph.linking.link import link
from remote_jax.graph.settings import defaults

ROW = st.tuples(*[st.integers(0, 2)] * 4, st.floats(0, 1))


def gathered(posts, **changed):
    config = defaults().graph
    config.update(changed)
    found = tables(posts)
    known = entities(found, link(found, config))
    return found, known, facts.gather(found, known, config)


def told(posts, **changed):
    """Each fact by names, with its probability and the posts that state it."""
    found, known, all_facts = gathered(posts, **changed)
    some = all_facts.facts
    rows = [known.rows[place].name for place in range(len(known.rows))]
    return {
        (rows[h], found.relations[r], rows[t]): (
            round(float(some.probability[n]), 6),
            [found.posts.ids[p] for p in some.posts[some.starts[n] : some.starts[n + 1]]],
        )
        for n, (h, r, t) in enumerate(zip(some.head, some.relation, some.tail, strict=True))
    }


@given(st.lists(ROW, max_size=20))
def test_support_is_combined_as_defined(rows):
    columns = np.array([row[:4] for row in rows], np.int64).reshape(-1, 4).T
    found = facts.combine(columns, np.array([row[4] for row in rows]))
    posts = defaultdict(dict)
    for *fact, one, p in rows:
        posts[tuple(fact)][one] = max(p, posts[tuple(fact)].get(one, 0))
    keys = list(zip(*(x.tolist() for x in (found.head, found.relation, found.tail)), strict=True))
    assert keys == sorted(posts)
    for row, fact in enumerate(keys):
        wanted = 1 - math.prod(1 - p for p in posts[fact].values())
        assert found.probability[row] == pytest.approx(wanted, abs=1e-12)
        listed = slice(found.starts[row], found.starts[row + 1])
        assert dict(zip(found.posts[listed], found.stated[listed], strict=True)) == posts[fact]
        assert (np.diff(found.stated[listed]) <= 0).all()


def test_facts_of_the_small_posts():
    found = told(small())
    assert found["Gatika Bamorel", MEMBER, "Sanora United"] == (0.98, ["p1", "p2"])
    # In p3 it is a picture of hers that says so; the relation holds both ways.
    assert found["Gatika Bamorel", SIBLINGS, "Divafen Rokel"] == (0.91, ["p3", "p8"])
    assert len(found) == 6


def test_relations_that_hold_both_ways_are_a_setting():
    assert len(told(small(), symmetric="none_of_them")) == 7


def test_what_is_no_fact_is_listed():
    posts = [
        post("a", ["Ann", "Ann", ("a flag", LEFT)], [(0, SIBLINGS, 1, 0.9), (2, MEMBER, 0, 0.8)]),
        post("b", ["Ann", ("a face", LEFT)], [(0, SELF, 1, 0.9)]),
    ]
    _, _, found = gathered(posts)
    assert sorted(why for _, why in found.unused) == sorted([facts.LOOP, facts.UNLINKED])
    assert len(found.facts) == 0 and found.selves == 1


def test_facts_of_other_types_are_listed_and_not_kept():
    typed = [("Ann", "per"), ("Acme", "org"), ("Bo", "")]
    relations = [(1, MEMBER, 0, 0.9), (0, MEMBER, 1, 0.9), (2, "likes", 1, 0.9)]
    posts = [post("a", typed, relations)]
    _, _, found = gathered(posts)
    assert [why for _, why in found.unused] == [facts.MISTYPED] and len(found.facts) == 2
    assert len(gathered(posts, check_types=False)[2].facts) == 3


def test_least_probability_and_least_posts():
    config = defaults().graph
    _, _, found = gathered(small())
    config.minimum_probability = 0.95
    assert facts.enough(found.facts, config).sum() == 1
    config.update({"minimum_probability": 0.0, "minimum_posts": 2})
    some = found.facts.chosen(facts.enough(found.facts, config))
    assert some.support.tolist() == [2, 2, 2] and len(some.posts) == 6


def test_contradictions_are_marked_and_kept():
    found, _, all_facts = gathered(small())
    some = all_facts.facts
    marked = facts.contradictions(some, found.relations, "place_of_birth")
    born = np.flatnonzero(some.relation == found.relations.index(BORN)).tolist()
    assert marked == {born[0]: [born[1]], born[1]: [born[0]]}
    assert facts.contradictions(some, found.relations, BORN) == marked
    assert facts.contradictions(some, found.relations, "") == {}


def test_many_contradictions_are_cut_short():
    count = 500
    rows = np.stack([np.zeros(count), np.zeros(count), np.arange(count), np.arange(count)])
    some = facts.combine(rows.astype(np.int64), np.linspace(0.1, 0.9, count))
    marked = facts.contradictions(some, [BORN], "place_of_birth")
    assert len(marked) == count and marked[0][0] == count - 1
    assert {len(one) for one in marked.values()} == {facts.MAX_CONTRADICTIONS}


def test_dates_are_the_first_and_the_last():
    found, _, all_facts = gathered(small())
    some = all_facts.facts
    dates = [facts.dates(found, some, row) for row in range(len(some))]
    assert {"first": "2026-03-01", "last": "2026-03-01"} in dates and {} in dates
