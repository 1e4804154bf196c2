"""The graph of a sentence against walking its tree."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.eega.graphs.cooccurrence import Cooccurrence
from remote_jax.eega.graphs.text_graph import (
    FAR,
    MAX_DISTANCE,
    MAX_OFFSET,
    NO_EDGE,
    OFFSETS,
    SELF,
    SyntaxLabels,
    offsets,
    text_graph,
)
from remote_jax.eega.graphs.trees import Parse

LABELS = SyntaxLabels(("nsubj", "obj"), ("NOUN", "VERB"))
NOTHING = Cooccurrence.count([["x"]])


@st.composite
def forests(draw):
    """Heads without a circle: each word's is an earlier one of a shuffled order, or itself."""
    count = draw(st.integers(1, 9))
    order = draw(st.permutations(range(count)))
    heads = [0] * count
    for place, word in enumerate(order):
        heads[word] = order[draw(st.integers(0, place))] if draw(st.booleans()) else word
    names = st.lists(st.sampled_from(["nsubj", "obj", "odd"]), min_size=count, max_size=count)
    tags = st.lists(st.sampled_from(["NOUN", "VERB", "ODD"]), min_size=count, max_size=count)
    return Parse(np.array(heads, np.int32), tuple(draw(names)), tuple(draw(tags)))


def graph(parse):
    words = [f"w{i}" for i in range(len(parse.heads))]
    return text_graph(words, parse, LABELS, NOTHING, counted=False)


def path(heads, word):
    """The word, its head, and so on to the root."""
    steps = [word]
    while heads[word] != word:
        word = heads[word]
        steps.append(word)
    return steps


def hops(heads, one, other):
    ups, downs = path(heads, one), path(heads, other)
    shared = [word for word in ups if word in downs]
    return ups.index(shared[0]) + downs.index(shared[0]) if shared else FAR


@given(forests())
def test_the_graph_is_that_of_the_tree(parse):
    found, heads = graph(parse), parse.heads.tolist()
    types = {"odd": 2, "nsubj": 3, "obj": 4}
    for i in range(len(heads)):
        assert found.pos[i] == {"ODD": 1, "NOUN": 2, "VERB": 3}[parse.pos[i]]
        for j in range(len(heads)):
            edge = NO_EDGE
            if i == j:
                edge = SELF
            elif heads[i] == j:
                edge = types[parse.dependencies[i]]
            elif heads[j] == i:
                edge = types[parse.dependencies[j]]
            assert found.edges[i, j] == edge
            assert found.adjacency[i, j] == (edge != NO_EDGE)
            assert found.distance[i, j] == hops(heads, i, j)


def test_long_paths_are_cut():
    count = MAX_DISTANCE + 5
    chain = np.maximum(np.arange(count) - 1, 0).astype(np.int32)
    found = graph(Parse(chain, ("obj",) * count, ("NOUN",) * count))
    assert found.distance.max() == found.distance[0, -1] == MAX_DISTANCE


def test_labels_are_those_of_the_parses():
    parses = [
        Parse(np.zeros(2, np.int32), ("obj", "ROOT"), ("NOUN", "X")),
        Parse(np.zeros(1, np.int32), ("ROOT",), ("ADJ",)),
    ]
    labels = SyntaxLabels.from_parses(parse for parse in parses)
    assert labels == SyntaxLabels(("ROOT", "obj"), ("ADJ", "NOUN", "X"))
    assert (labels.edges, labels.tags) == (5, 5)


def test_offsets_tell_which_word_comes_first_and_end_at_the_farthest():
    found = offsets(2 * MAX_OFFSET)
    assert found.shape == (2 * MAX_OFFSET, 2 * MAX_OFFSET)
    assert (found[5, 7], found[7, 5], found[3, 3]) == (MAX_OFFSET + 2, MAX_OFFSET - 2, MAX_OFFSET)
    assert (found[0, -1], found[-1, 0]) == (OFFSETS - 1, 0)
    assert set(found.ravel()) == set(range(OFFSETS))
