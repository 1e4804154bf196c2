"""Parses of the sample: a tree for every wording, and one tree a sentence."""

import random

import numpy as np
import pytest

from remote_jax.eega.graphs import trees
from remote_jax.eega.sample import posts
from remote_jax.eega.sample.facts import QUESTIONS, SAID
from remote_jax.eega.sample.syntax import POS_OF, TREES, parse

WORDINGS = [
    *(wording for wordings in SAID.values() for wording in wordings),
    *(wording for question in QUESTIONS for wording in question.wordings),
]


def alone(wording):
    words = wording.split()
    return parse(words, [(wording, [(i, i + 1) for i in range(len(words))])])


@pytest.mark.parametrize("wording", WORDINGS)
def test_each_wording_is_a_tree(wording):
    words = wording.split()
    found = trees.check(alone(wording), len(words))
    roots = found.heads == np.arange(len(words))
    assert roots.sum() == 1 and found.dependencies[int(roots.argmax())] == "ROOT"
    assert found.dependencies.count("ROOT") == 1 and "" not in found.dependencies
    names = [pos for word, pos in zip(words, found.pos, strict=True) if word.startswith("{")]
    assert set(names) == {"PROPN"}


def test_no_wording_has_a_tree_for_nothing():
    assert set(TREES) == set(WORDINGS)


def test_each_sentence_is_one_tree():
    known = set(POS_OF)
    for place in range(200):
        post = posts.generate(random.Random(place), "train")
        words, found = post.tokens, trees.check(post.parse, len(post.tokens))
        (root,) = np.flatnonzero(found.heads == np.arange(len(words)))
        assert found.dependencies[root] == "ROOT" and "" not in found.dependencies
        assert found.dependencies.count("conj") >= len(post.facts) - 1
        names = {word for word, pos in zip(words, found.pos, strict=True) if pos == "PROPN"}
        assert all(name[0].isupper() for name in names) and not names & known
        for fact in post.facts:  # a name of two words is one thing
            for start, end in (fact.head, fact.tail):
                assert found.heads[start + 1 : end].tolist() == [start] * (end - start - 1)


def test_words_outside_of_clauses():
    tokens = ["today", ":", "Ann", "sues", "Bob", "Lee", "and", "Eve", "sues", "Kim", "!"]
    wording = "{0} sues {1}"
    clauses = [
        (wording, [(2, 3), (3, 4), (4, 6)]),
        (wording, [(7, 8), (8, 9), (9, 10)]),
    ]
    found = parse(tokens, clauses)
    assert found.heads.tolist() == [3, 3, 3, 3, 3, 4, 8, 8, 3, 8, 3]
    assert found.dependencies == (
        *("obl:tmod", "punct", "nsubj", "ROOT", "obj", "flat"),
        *("cc", "nsubj", "conj", "obj", "punct"),
    )
