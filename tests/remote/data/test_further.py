"""Pairs beside the listed ones, against brute force over the posts that rows are of."""

import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from released import BOXES, CAPTIONS, ROWS, config, object_end, row, text_end, umre

from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset, describe
from remote_jax.remote.data.unlisted import MAX_ENDS, Posts
from remote_jax.remote.decisions import Judged

PARTNER, SELF, AWARDED = "/per/per/partner", "/per/per/self", "/per/misc/awarded"
ENDS = {
    "ann": text_end(0, 2),
    "bob": text_end(3, 4),
    "oslo": text_end(5, 6),
    "o0": object_end(0),
    "o1": object_end(1),
}


def made(tmp_path, rows=ROWS, known=None, **data):
    folder = umre(tmp_path / "data", rows)
    if known is not None:
        (folder / "all_relations.json").write_text(json.dumps(known))
    return PairDataset(config(folder, tmp_path / "cache", **data))


def ends(pair):
    return (pair.head.name, pair.tail.name)


def all_of(records):
    return [records[index] for index in range(len(records))]


LISTED = [
    row(ENDS["ann"], ENDS["bob"], PARTNER),
    row(ENDS["ann"], ENDS["o0"], AWARDED),
    row(ENDS["o1"], ENDS["o0"]),
    row(ENDS["oslo"], ENDS["ann"]),
]


def test_training_may_read_pairs_the_other_way_round(tmp_path):
    pairs = made(tmp_path, LISTED, reverse=1.0)
    examples = all_of(pairs.examples("train"))
    assert [pair.row for pair in examples] == list(range(8))
    back = {ends(pair): pair for pair in examples[4:]}
    assert set(back) == {ends(pair)[::-1] for pair in examples[:4]}
    # Partners are partners both ways; who is awarded what is not, read backward.
    assert pairs.relations[back["Bob", "Ann Lee"].label] == PARTNER
    assert {back[ends(pair)[::-1]].label for pair in examples[1:4]} == {0}
    assert all(pair.weight == 1 for pair in examples)
    object_first = back["[OBJ0]", "Ann Lee"]
    assert object_first.head.caption == CAPTIONS["[OBJ0]"] and object_first.head.object == 0
    assert object_first.image == "UMKE_IMG/a.png" and object_first.backward
    for one, other in enumerate(pairs.training.partner):
        assert ends(examples[one]) == ends(examples[other])[::-1]


def test_none_is_learnt_from_pairs_that_are_not_listed(tmp_path):
    rows = [*LISTED, row(ENDS["ann"], ENDS["oslo"]), row(ENDS["bob"], ENDS["ann"], PARTNER)]
    pairs = made(tmp_path, rows, unlisted=10.0, triplets="ee,oo,eo")
    examples = all_of(pairs.examples("train"))
    further = {ends(pair): pair for pair in examples[6:]}
    names = ("Ann Lee", "Bob", "Oslo", "[OBJ0]", "[OBJ1]")
    unlisted = {
        pair
        for pair in permutations(names, 2)
        if not {pair, pair[::-1]} & {ends(one) for one in examples[:6]}
        # Training has pairs of both with the entity first alone, and no related one of objects.
        and not pair[0].startswith("[")
    }
    assert set(further) == unlisted and len(examples) == 6 + len(unlisted)
    assert {pair.label for pair in further.values()} == {0}
    assert {pair.weight for pair in further.values()} == {0.3}
    captions = {pair.tail.name: pair.tail.caption for pair in further.values()}
    assert captions["Oslo"] == "" or captions["Oslo"] == CAPTIONS["Oslo"]
    assert captions["[OBJ1]"] == CAPTIONS["[OBJ1]"]
    few = made(tmp_path / "few", rows, unlisted=0.5)
    assert len(few.training.further) == 3
    assert "6 listed, 0 of them also reversed, 3 unlisted" in str(describe(few))


def test_pairs_that_are_known_to_be_related_are_no_negatives(tmp_path):
    known = {"a.png": [[[3, 4], "[OBJ1]", AWARDED], [[0, 2], [3, 4], PARTNER]]}
    pairs = made(tmp_path, LISTED, known, unlisted=10.0)
    further = all_of(pairs.examples("train"))[4:]
    assert ("Bob", "[OBJ1]") not in {ends(pair) for pair in further}
    assert {pair.weight for pair in further} == {1.0}
    # Where it is scored, it has its relation.
    scored = all_of(pairs.examples("test"))
    (held,) = [pair for pair in scored if ends(pair) == ("Bob", "[OBJ1]")]
    assert pairs.relations[held.label] == AWARDED


def test_evaluation_asks_the_orders_of_training(tmp_path):
    pairs = made(tmp_path, LISTED)
    found = pairs.evaluated("test")
    asked = pairs.orders.asked
    further = all_of(pairs.examples("test"))[found.listed :]
    assert all(pair.label or asked[pair.type, int(pair.backward)] for pair in further)
    kinds = found.further["reverse_of"] < 0
    total = found.scales[found.listed :][kinds].sum()
    pool = pairs._source("test").never_listed()
    pool = pool[asked[pool["type"], pool["backward"].astype(int)]]
    assert total == pytest.approx(len(pool), rel=0.4)
    for place, other in enumerate(found.partner):
        if other >= 0:
            examples = pairs.examples("test")
            assert ends(examples[place]) == ends(examples[int(other)])[::-1]


def test_what_holds_in_an_order_that_is_not_asked_is_to_be_found(tmp_path):
    known = {"a": [[[5, 6], [3, 4], PARTNER], [[0, 2], [3, 4], PARTNER]]}  # without `.png`
    pairs = made(tmp_path, [LISTED[0], row(ENDS["ann"], ENDS["oslo"])], known)
    assert pairs.orders.asked[0].tolist() == [True, False]
    found = pairs.evaluated("test")
    examples = {ends(pair): pair for pair in all_of(pairs.examples("test"))[found.listed :]}
    # Partners are partners in the order that is asked too, and one relation to be found.
    assert {
        pairs.relations[examples[pair].label] for pair in (("Oslo", "Bob"), ("Bob", "Oslo"))
    } == {PARTNER}
    sure = np.eye(len(pairs.relations))[found.labels]
    judged = Judged(sure, found, pairs.orders, pairs.symmetric, found.scales)
    score = judged.score(0.5)
    assert (score.precision, score.recall) == (1.0, 1.0) and judged.related == 2.0


def test_a_pair_that_is_listed_both_ways_is_one_pair(tmp_path):
    rows = [*LISTED, row(ENDS["bob"], ENDS["ann"], PARTNER)]
    found = made(tmp_path, rows).evaluated("test")
    assert found.partner[[0, 4]].tolist() == [4, 0]
    assert not (found.further["reverse_of"] == 0).any()


def test_relations_of_a_file_that_rows_contradict(tmp_path):
    known = {"a.png": [[[0, 1], [3, 4], PARTNER]]}  # the ends inclusive
    with pytest.raises(UserError, match=r"lacks 2 of the 2 relations .* \(0, 2\) and \(3, 4\)"):
        made(tmp_path, LISTED, known)


def test_objects_that_a_later_row_adds_are_paired(tmp_path):
    box = (0.1, 0.1, 0.2, 0.2)
    pairs = made(tmp_path, [*LISTED, row(ENDS["ann"], object_end(7, box))])
    unlisted = pairs._source("train").unlisted
    base = pairs.records("train")[int(unlisted["base"][0])]
    names = {base.objects[number] for number in unlisted["head"][unlisted["head_row"] < 0]}
    assert names == {"[OBJ0]", "[OBJ1]", "[OBJ7]"}


@pytest.mark.parametrize(
    "known",
    [
        {"a.png": 3},
        {"a.png": [[1, 2]]},
        {"a.png": [["[OBJ0]", "[OBJ1]", "/no/such"]]},
        {"a.png": [["[OBJ0]", [0.5, 1], PARTNER]]},
        {"a.png": [["[OBJ0]", {}, PARTNER]]},
        {"a.png": [["[OBJ0]", "[OBJ1]", [1]]]},
        {"a.png": [["[OBJ0]", "[OBJ1]", PARTNER], ["[OBJ0]", "[OBJ1]", SELF]]},
    ],
)
def test_a_malformed_file_of_all_relations(tmp_path, known):
    with pytest.raises(UserError, match=r"all_relations\.json: 'a\.png'"):
        made(tmp_path, LISTED, known)


def test_a_post_of_many_ends_is_paired_in_part():
    from remote_jax.remote.data.pairs import Argument, Pair

    posts = Posts({})
    objects = tuple(f"[OBJ{k}]" for k in range(500))
    ends, boxes = (Argument("a", (0, 1)), Argument("b", (1, 2))), np.zeros((500, 4), np.float32)
    pair = Pair(("a", "b"), *ends, boxes=boxes, objects=objects)
    posts.add(0, pair)
    assert len(posts.unlisted()) == MAX_ENDS * (MAX_ENDS - 1) - 1


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(list(ENDS)),
            st.sampled_from(list(ENDS)),
            st.sampled_from(["none", PARTNER, SELF]),
            st.sampled_from(["a.png", "missing.png"]),
        ).filter(lambda one: one[0] != one[1]),
        min_size=1,
        max_size=8,
    )
)
def test_every_pair_of_a_post_is_listed_or_not(tmp_path_factory, rows):
    """The oracle goes over the rows: which ends a post has, and which pairs are listed."""
    folder = tmp_path_factory.mktemp("posts")
    pairs = made(folder, [row(ENDS[h], ENDS[t], r, image) for h, t, r, image in rows])
    expected = set()
    for image in ("a.png", "missing.png"):
        of_post = [(h, t) for h, t, _, where in rows if where == image]
        if not of_post:
            continue
        names = {end for pair in of_post for end in pair if end not in ("o0", "o1")}
        # A picture's objects are listed; of one that is not here, those of its row with the most.
        shown = [{end for end in pair if end in ("o0", "o1")} for pair in of_post]
        objects = {"o0", "o1"} if image == "a.png" else max(shown, key=len)
        expected |= {
            (image, *pair) for pair in permutations(names | objects, 2) if pair not in of_post
        }
    named = {end["name"]: key for key, end in ENDS.items()}
    source = pairs._source("train")
    records = pairs.records("train")
    found = []
    for pair in source.unlisted:
        base = records[int(pair["base"])]
        made_of = [
            named[
                (records[int(r)].head, records[int(r)].tail)[int(n)].name
                if r >= 0
                else base.objects[int(n)]
            ]
            for r, n in ((pair["head_row"], pair["head"]), (pair["tail_row"], pair["tail"]))
        ]
        found.append(("a.png" if base.image else "missing.png", *made_of))
        back = pair["reverse_of"]
        listed = [(h, t) for h, t, _, where in rows if where == found[-1][0]]
        assert (back >= 0) == ((made_of[1], made_of[0]) in listed)
    assert len(found) == len(set(found)) and set(found) == expected
    assert set(BOXES) == {"[OBJ0]", "[OBJ1]"}
