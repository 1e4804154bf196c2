"""Tables of extracted posts do not depend on the order of posts."""

import random

import numpy as np
import pytest
from extracted_posts import MEMBER, SELF, post, small, tables

from remote_jax.errors import UserError
from remote_jax.graph.extraction import last_part, types_of


def test_any_order_of_posts_gives_the_same_tables():
    first = tables(small())
    for seed in range(5):
        second = tables(random.Random(seed).sample(small(), 8))
        assert vars(first.posts) == vars(second.posts)
        assert first.names == second.names and first.types == second.types
        for part in ("mentions", "triplets"):
            for name, column in vars(getattr(first, part)).items():
                np.testing.assert_array_equal(column, vars(getattr(second, part))[name])


def test_a_row_is_the_mention_that_was_read():
    posts = small()
    found = tables(posts)
    rows = iter(range(len(found.mentions)))
    for one in posts:  # their ids are in order
        assert [found.mention(next(rows)) for _ in one.mentions] == list(one.mentions)


def test_ids_must_differ():
    with pytest.raises(UserError, match="'p1' was extracted twice"):
        tables([post("p1", ["Ann"]), post("p1", ["Bob"])])


def test_relations_name_types():
    assert types_of(MEMBER) == ("per", "org") and last_part(SELF) == "self"
    assert types_of("likes") == types_of("a/b/c") == types_of("/per/likes") == ("", "")


@pytest.mark.parametrize(("name", "read"), [("<a b>", "a b"), ("<>", "unnamed"), ("a\tb", "a b")])
def test_relations_are_such_as_files_can_have(name, read):
    assert tables([post("p", ["a", "b"], [(0, name, 1, 1)])]).relations == [read]
