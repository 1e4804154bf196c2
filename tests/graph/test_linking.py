"""Linking: which mentions become one entity, in examples and by what always holds."""

from itertools import combinations

import numpy as np
import pytest
from extracted_posts import LEFT, MEMBER, RIGHT, SELF, post, tables
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.data.extracted import ExtractedPost
from remote_jax.errors import UserError
from remote_jax.graph.entities import entities
from remote_jax.graph.linking import aliases, similarity
from remote_jax.graph.linking.link import REASONS, link
from remote_jax.graph.settings import defaults

FULL = ("Gatika Bamorel", "per")


def linked(posts, keep_apart=(), named=None, **changed):
    """The tables of posts, their linking and the entities."""
    config = defaults().graph
    config.update(changed)
    found = tables(posts)
    linking = link(found, config, named, keep_apart)
    return found, linking, entities(found, linking)


def partition(posts, **options):
    """The mentions of each entity, as (post, place)."""
    found, _, known = linked(posts, **options)
    parts = {}
    for row, entity in enumerate(known.of.tolist()):
        place = found.posts.ids[found.mentions.post[row]], int(found.mentions.place[row])
        parts.setdefault(entity if entity >= 0 else place, []).append(place)
    return sorted(map(sorted, parts.values()))


def names(posts, **options):
    """The name and aliases of each entity."""
    return {one.name: set(one.aliases) for one in linked(posts, **options)[2].rows}


def test_spellings_and_tags_are_one():
    spelt = ("SANORA united", "Sanora United's", "#sanoraunited", "@Sanora_United")
    posts = [post(f"p{n}", [name]) for n, name in enumerate(("Sanora United",) * 2 + spelt)]
    assert names(posts) == {"Sanora United": set(spelt)}


def test_abbreviations_stand_for_the_only_name_that_fits():
    posts = [post("a", [FULL]), post("b", [("Bamorel", "per")]), post("c", [("G. Bamorel", "per")])]
    assert names(posts) == {"Gatika Bamorel": {"Bamorel", "G. Bamorel"}}
    assert len(names(posts, abbreviations=False)) == 3


def test_an_abbreviation_of_another_type_stays_apart():
    assert len(names([post("a", [FULL]), post("b", [("Bamorel", "loc")])])) == 2
    clubs = [post("a", [("Sanora United", "org")]), post("b", [("United", "org")])]
    assert len(names(clubs)) == 2  # only people have surnames
    assert len(names([post("a", ["Gatika Bamorel"]), post("b", ["Bamorel"])])) == 1


def test_an_ambiguous_abbreviation_is_the_one_of_its_post_or_apart():
    posts = [
        post("a", [FULL, ("Bamorel", "per")]),
        post("b", [("Hela Bamorel", "per"), ("Bamorel", "per")]),
        post("c", [("Bamorel", "per")]),
        post("d", [FULL, ("Hela Bamorel", "per"), ("Bamorel", "per")]),
    ]
    found = partition(posts)
    assert [("a", 0), ("a", 1), ("d", 0)] in found and [("b", 0), ("b", 1), ("d", 1)] in found
    assert [("c", 0), ("d", 2)] in found  # nobody knows who: one name, by itself


def test_acronyms_are_capitals():
    posts = [post("a", [("Union of Towns", "org")]), post("b", [("UOT", "org")])]
    assert len(names(posts)) == 1
    assert len(names([posts[0], post("b", [("uot", "org")])])) == 2


def test_rare_types_of_a_name_are_errors_and_frequent_ones_are_not():
    posts = [post(f"p{n}", [("Kelano", "loc")]) for n in range(9)]
    one = [*posts, post("x", [("Kelano", "per")]), post("y", ["Kelano"])]
    assert [(e.name, e.type, e.mentions) for e in linked(one)[2].rows] == [("Kelano", "loc", 11)]
    assert len(linked(one, type_share=0.1)[2].rows) == 2


def test_types_are_those_of_relations_where_none_was_extracted():
    posts = [post("a", ["Ann", "Acme"], [(0, MEMBER, 1, 0.9)]), post("b", ["Bob"])]
    assert {e.name: e.type for e in linked(posts)[2].rows} == {
        "Ann": "per",
        "Acme": "org",
        "Bob": "",
    }


def test_inferred_types_do_not_set_mentions_of_a_name_apart():
    wrong = post("a", ["Ann", "Ann"], [(0, MEMBER, 1, 0.9)])
    assert [e.mentions for e in linked([wrong])[2].rows] == [2]
    typed = [post(f"{n}", [("Kelano", kind)]) for n, kind in enumerate(("per", "org") * 2)]
    found = partition([*typed, wrong, post("b", ["Kelano", "Bo"], [(0, MEMBER, 1, 0.9)])])
    assert [("0", 0), ("2", 0), ("b", 0)] in found  # which of the two it is, it says


def test_objects_are_whom_self_relations_say():
    objects = [("a person", LEFT), ("a person", RIGHT), ("a flag", LEFT)]
    relations = [(0, SELF, 2, 0.7), (3, SELF, 1, 0.8), (1, SELF, 2, 0.6), (2, SELF, 3, 0.99)]
    posts = [post("p", [FULL, ("Divafen Rokel", "per"), *objects], relations)]
    assert partition(posts) == [[("p", 0), ("p", 2)], [("p", 1), ("p", 3)], [("p", 4)]]
    assert partition(posts, self_probability=0.9) == [[("p", n)] for n in (0, 1)] + [
        [("p", 2)],
        [("p", 3)],
        [("p", 4)],
    ]


def test_an_object_may_be_linked_through_another():
    objects = [("a person", LEFT), ("a face", LEFT)]
    posts = [post("p", [FULL, *objects], [(0, SELF, 1, 0.7), (1, SELF, 2, 0.9)])]
    assert partition(posts) == [[("p", 0), ("p", 1), ("p", 2)]]


def test_aliases_of_a_person(tmp_path):
    path = tmp_path / "aliases.tsv"
    path.write_text(
        "The Lion\tGatika Bamorel\nLion King\tNobody Here\nThe King\tNobody Here\tper\n"
    )
    posts = [
        post("a", [FULL]),
        post("b", [("the lion", "per")]),
        post("c", [("Lion King", "per")]),
        post("d", [("The King", "per")]),
    ]
    found = names(posts, named=aliases.read(path))
    assert found["Gatika Bamorel"] == {"the lion"} and len(found) == 3
    path.write_text("Lion King\tNobody Here\nThe King\tNobody Here\n")
    assert len(names(posts, named=aliases.read(path))) == 3  # both kings are one
    path.write_text("The Lion\n")
    with pytest.raises(UserError, match=r"aliases\.tsv, line 1 has 1 fields"):
        aliases.read(path)


def test_every_merge_is_listed_and_can_be_undone():
    posts = [
        post("a", [FULL, ("a person", LEFT)], [(0, SELF, 1, 0.9)]),
        post("b", [("Bamorel", "per"), ("GATIKA BAMOREL", "per")]),
        post("c", [FULL]),
    ]
    _, linking, _ = linked(posts)
    why = [REASONS[one] for one in linking.edges.why.tolist()]
    assert sorted(why) == ["abbreviation", "normalised name", "self"]
    short = (("Bamorel", "per"), FULL)
    assert [("b", 0)] in partition(posts, keep_apart=[short])
    assert [("a", 1)] in partition(posts, keep_apart=[(("a", 1), FULL)])
    assert linked(posts, keep_apart=[short, (FULL, ("Nobody", "per"))])[1].unmatched == 1
    loud = (("GATIKA BAMOREL", "per"), FULL)
    assert [("b", 1)] in partition(posts, keep_apart=[loud])


def test_a_rejected_candidate_leaves_the_other():
    posts = [post("a", [FULL, ("Hela Bamorel", "per")]), post("b", [("Bamorel", "per")])]
    assert [("b", 0)] in partition(posts)
    assert [("a", 1), ("b", 0)] in partition(posts, keep_apart=[(("Bamorel", "per"), FULL)])


def test_similar_names_are_each_others_nearest():
    vectors = np.eye(4)[[0, 0, 1, 2]] + 0.1 * np.eye(4)[[3, 2, 2, 2]]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    one, two, cosine = similarity.similar(vectors, np.array([1, 1, 0, 2]), 0.9)
    assert [one.tolist(), two.tolist()] == [[0], [1]] and cosine == vectors[0] @ vectors[1]
    assert len(similarity.similar(vectors, np.array([1, 2, 0, 2]), 0.9)[0]) == 0  # other types


NAME = st.sampled_from(
    ["Ann Lee", "ANN LEE", "Bo Lee", "Lee", "A. Lee", "Kel", "#annlee", "\x00", "'"]
)
TYPE = st.sampled_from(["per", "loc"])
MENTIONS = st.lists(st.tuples(NAME, TYPE), min_size=1, max_size=4)
POSTS = st.lists(MENTIONS, min_size=1, max_size=6)
UNAMBIGUOUS = ("Ann Lee", "ANN LEE", "Bo Lee", "Kel", "#annlee", "\x00", "'")


def made(lists) -> list[ExtractedPost]:
    return [post(f"p{number}", mentions) for number, mentions in enumerate(lists)]


def mentions_of(lists):
    return {(f"p{n}", k): one for n, some in enumerate(lists) for k, one in enumerate(some)}


@given(POSTS)
@settings(max_examples=60)
def test_one_name_of_one_type_is_one_entity(lists):
    where = {place: part for part, some in enumerate(partition(made(lists))) for place in some}
    for one, two in combinations(mentions_of(lists).items(), 2):
        if one[1] == two[1] and one[1][0] in UNAMBIGUOUS:
            assert where[one[0]] == where[two[0]]


@given(POSTS, st.lists(st.tuples(st.tuples(NAME, TYPE), st.tuples(NAME, TYPE)), max_size=3))
@settings(max_examples=60)
def test_what_is_kept_apart_is_never_together(lists, pairs):
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    parts = partition(made(lists), keep_apart=[(clean(one), clean(two)) for one, two in pairs])
    written = mentions_of(lists)
    for some in parts:
        inside = {written[place] for place in some}
        assert not any(one in inside and two in inside for one, two in pairs)


def clean(side):
    return (side[0].replace("\x00", "\\u0000"), side[1])


@given(POSTS, st.randoms())
@settings(max_examples=40)
def test_the_order_of_posts_does_not_count(lists, random):
    posts = made(lists)
    first, second = linked(posts)[2], linked(random.sample(posts, len(posts)))[2]
    assert first.rows == second.rows
    np.testing.assert_array_equal(first.of, second.of)
