"""Orders in which pairs are asked, and the relations that are offered."""

import json

import numpy as np
import pytest

from remote_jax.errors import UserError
from remote_jax.remote.data.orders import FILE, Orders, symmetric

NAMES = ("none", "/per/per/couple", "/per/loc/live")
EE, OO, EO = range(3)


def orders(**types):
    """`ee=((unrelated, related) forward, (unrelated, related) backward)`."""
    counts = np.zeros((3, 2, 3), int)
    for name, ways in types.items():
        counts[("ee", "oo", "eo").index(name), :, :2] = ways
    return Orders(counts)


@pytest.mark.parametrize(
    ("ways", "asked"),
    [
        (((7725, 3125), (22, 1375)), (True, False)),  # MNRE as annotated
        (((22, 1375), (7725, 3125)), (False, True)),
        (((7800, 3200), (10900, 1300)), (True, True)),  # MNRE with reversed pairs
        (((0, 0), (5, 5)), (False, True)),  # mixed pairs with the object first
        (((50, 50), (100, 0)), (True, False)),  # nothing to be found backward
        (((0, 9), (0, 3)), (True, False)),  # no unrelated pair at all
        (((0, 3), (0, 9)), (False, True)),
        (((0, 0), (0, 0)), (False, False)),
        (((9, 0), (4, 0)), (False, False)),  # nothing to be found
    ],
)
def test_an_order_is_asked_where_training_had_unrelated_pairs_in_it(ways, asked):
    assert tuple(orders(eo=ways).asked[EO]) == asked
    assert not orders(eo=ways).asked[EE].any()


def test_what_training_had_of_a_pair_in_this_order_is_offered():
    labels, types = np.array([1, 0, 2, 1]), np.array([EE, EE, EO, EE])
    found = Orders.from_pairs(labels, types, np.array([0, 0, 1, 1]), 3)
    assert found.counts.sum() == 4
    assert found.offered[EE].tolist() == [[True, True, False], [True, True, False]]
    assert found.offered[EO].tolist() == [[True, False, False], [True, False, True]]


def test_orders_are_read_back(tmp_path):
    made = orders(ee=((3, 2), (1, 0)), oo=((0, 0), (4, 4)))
    made.save(tmp_path, NAMES)
    assert (Orders.load(tmp_path, NAMES).counts == made.counts).all()
    said = json.loads((tmp_path / FILE).read_text())
    assert said["ee"] == {"forward": {"none": 3, NAMES[1]: 2}, "backward": {"none": 1}}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"ee": 3},
        {key: {"forward": {}} for key in ("ee", "oo", "eo")},
        {key: {"forward": {"none": "x"}, "backward": {}} for key in ("ee", "oo", "eo")},
        {key: {"forward": {"none": 10**40}, "backward": {}} for key in ("ee", "oo", "eo")},
    ],
)
def test_a_file_that_no_run_wrote(tmp_path, content):
    (tmp_path / FILE).write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"orders\.json must give the training pairs"):
        Orders.load(tmp_path, NAMES)


def test_orders_of_another_model(tmp_path):
    orders(ee=((3, 2), (1, 0))).save(tmp_path, NAMES)
    with pytest.raises(UserError, match=r"another model: it names '/per/per/couple'"):
        Orders.load(tmp_path, ("none", "/a/b/c"))


def test_symmetric_relations():
    assert symmetric(NAMES, "auto").tolist() == [False, True, False]
    assert symmetric(("None", "couple"), "auto").tolist() == [False, True]
    assert symmetric(NAMES, " /per/loc/live ,").tolist() == [False, False, True]
    assert not symmetric(NAMES, "").any()
    with pytest.raises(UserError, match="'live', which is none of the data's 3 relations"):
        symmetric(NAMES, "live")
