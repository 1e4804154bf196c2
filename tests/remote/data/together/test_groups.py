"""Every pair is in one group, of its post, that has room for it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.remote.data.together.groups import PairGroups, groups

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 5), st.integers(-1, 5)), max_size=30)


@given(PAIRS, st.integers(1, 6), st.integers(2, 5))
def test_groups_part_the_pairs_of_each_post(pairs, most, room):
    posts = np.array([post for post, _, _ in pairs], int)
    objects = np.array([ends for _, *ends in pairs], int).reshape(-1, 2)
    found = groups(posts, objects, most, room)
    assert sorted(row for group in found for row in group) == list(range(len(pairs)))
    for group in found:
        assert len(set(posts[group])) == 1 and len(group) <= most
        assert len({number for number in objects[group].flat if number >= 0}) <= room
    assert [posts[group[0]] for group in found] == sorted(posts[group[0]] for group in found)


def test_only_posts_that_have_room_have_wider_groups():
    """Post 0 has objects 0 and 1, post 1 objects 0 to 2, for two of which there is room."""
    posts = np.repeat([0, 1, 2], 6)
    two, three = [[0, -1], [1, -1]] * 3, [[0, -1]] * 4 + [[1, -1], [2, -1]]
    objects = np.array(two + three + two)
    found = groups(posts, objects, 2, 2, (6, np.array([True, True, False])))
    assert [len(group) for group in found] == [6, 2, 2, 2, 2, 2, 2]


def test_a_post_is_split_into_parts_of_about_the_same_size():
    found = groups(np.zeros(9, int), np.full((9, 2), -1), 8, 2)
    assert [len(group) for group in found] == [5, 4]


def test_an_example_is_the_pairs_of_a_group():
    examples = PairGroups("abcdef", [[0, 4], [1], [5, 2]])
    assert [examples[row] for row in range(len(examples))] == [("a", "e"), ("b",), ("f", "c")]
