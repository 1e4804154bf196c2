"""Misspelt names find what was meant, whatever the vocabulary, in bounded time."""

import difflib
import itertools
import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.roam.data import nearest
from remote_jax.roam.data.nearest import Names

WORDS = ["Oslo", "Bergen", "Libreville", "Gilles_Mbang_Ondo", "Hideaki_Takeda", "地暖分水器", "Ab"]
URIS = [f"http://www.wikidata.org/entity/Q{number}" for number in range(1000, 3000)]


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("Olso", "Oslo"),
        ("gilles mbang ondo", "Gilles_Mbang_Ondo"),
        ("Hideaki_Takedda", "Hideaki_Takeda"),
        ("HIDEAKI", "Hideaki_Takeda"),
        ("LIBREVILE", "Libreville"),
        ("地暖分水", "地暖分水器"),
        ("aB", "Ab"),
        ("", None),
        ("\n\n", None),
        ("completely different", None),
    ],
)
def test_misspelt_names(misspelt, meant):
    found = Names(WORDS).nearest(misspelt)
    assert found[:1] == ((meant,) if meant else ())


@pytest.mark.parametrize("asked", ["Q1234", "http://www.wikidata.org/entity/Q1234", "x://y/q1234"])
def test_the_namespace_of_a_uri_does_not_count(asked):
    found = Names(URIS + WORDS).nearest(asked)
    assert (
        found[0] == "http://www.wikidata.org/entity/Q1234" and len(found) == nearest.MAX_SUGGESTIONS
    )


def test_no_names_and_few_names():
    assert Names([]).nearest("Oslo") == ()
    assert Names(["Oslo"]).nearest("oslo") == ("Oslo",)
    assert Names(["", "_", "\n", "Oslo"]).nearest("oslo") == ("Oslo",)


names = st.lists(st.text(st.sampled_from("abcä_\n 地\ud800"), max_size=6), max_size=20)


@settings(max_examples=100, deadline=None)
@given(names, st.text(st.sampled_from("abcä_ 地"), max_size=6))
def test_few_names_are_ordered_as_by_comparing_each(vocabulary, name):
    def alike(known):
        known = known.casefold().replace("_", " ")
        wanted = name.casefold().replace("_", " ")
        return difflib.SequenceMatcher(None, known, wanted, autojunk=False).ratio()

    found = Names(vocabulary).nearest(name)
    expected = sorted(map(alike, vocabulary), reverse=True)[: nearest.MAX_SUGGESTIONS]
    assert [alike(known) for known in found] == [r for r in expected if r >= nearest.MIN_SIMILARITY]


def test_blocks_keep_their_places(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 7)
    vocabulary = [f"{word} {number}" for number in range(40) for word in ("tree", "house", "cat")]
    names = Names(vocabulary)
    for wanted in vocabulary:
        assert names.nearest(wanted.replace("e", "E"))[0] == wanted


def test_the_sieve_lets_the_name_meant_through():
    """One letter wrong in each of many names, among 15,000."""
    draw = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["".join(draw.choices(letters, k=draw.randint(6, 20))) for _ in range(15_000)]
    names = Names(vocabulary)
    for wanted in draw.sample(vocabulary, 50):
        place = draw.randrange(len(wanted))
        assert names.nearest(wanted[:place] + "_" + wanted[place + 1 :])[0] == wanted


def test_the_most_alike_comes_first():
    """Also where another shares more trigrams."""
    for vocabulary in itertools.permutations(["Oslo", "Olsen", "Olsenow"]):
        assert Names(vocabulary).nearest("olso") == ("Oslo", "Olsenow", "Olsen")


def test_long_names_do_not_crowd_the_sieve():
    """They share every trigram with the name looked for."""
    long = [f"anna {'x' * 40} {number} anna" for number in range(2 * nearest.MAX_CANDIDATES)]
    assert Names([*long, "annu"]).nearest("anna") == ("annu",)


def test_trigrams_are_told_apart_by_name():
    ((trigrams, starts),) = nearest._trigrams(["ab", "", "cab"])
    assert np.diff(starts, append=len(trigrams)).tolist() == [4, 2, 5]
    # Both names end with "ab", and nothing else of them is the same.
    assert len(set(trigrams[:4].tolist()) & set(trigrams[6:].tolist())) == 2


@pytest.mark.parametrize("name", ["ab" * 10**4, "x" * 10**4, "http://" * 10**4, "Q1" * 40])
@pytest.mark.parametrize(("length", "count"), [(60, 15_000), (2000, 100)])
def test_time_is_bounded(name, length, count):
    vocabulary = [f"{'ab' * length}{number}" for number in range(count)]
    start = time.process_time()
    Names(vocabulary).nearest(name)
    assert time.process_time() - start < 3
