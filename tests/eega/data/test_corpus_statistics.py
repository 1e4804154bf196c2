"""What a run keeps of its training data."""

import json

import numpy as np
import pytest
from label_sets import VOCABULARY
from parse_examples import made

from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.quintuples import Entity, Labels, Quintuple
from remote_jax.eega.tags import Priors
from remote_jax.errors import UserError

SENTENCES = [Sentence(("Ann", "met", "Bob"), ""), Sentence(("Bob", "left"), "")]
PARSES = [made([1, 1, 1], pos=("P", "V", "P")), made([1, 1], dependencies=("nsubj", "ROOT"))]


def test_it_comes_back_as_it_was(tmp_path):
    known = CorpusStatistics.count(VOCABULARY, SENTENCES, PARSES, ("unknown", "man"), ("near",))
    assert known.labels.pos == ("P", "V", "X")
    assert known.labels.dependencies == ("ROOT", "dep", "nsubj")
    assert not CorpusStatistics.exists(tmp_path)
    known.save(tmp_path)
    assert CorpusStatistics.exists(tmp_path)
    again = CorpusStatistics.load(tmp_path)
    for name in ("vocabulary", "labels", "classes", "relations", "priors"):
        assert getattr(again, name) == getattr(known, name)
    words = ("ann", "bob", "left")
    np.testing.assert_array_equal(
        again.cooccurrence.levels(words, counted=False),
        known.cooccurrence.levels(words, counted=False),
    )


def test_there_may_be_no_parses(tmp_path):
    known = CorpusStatistics.count(VOCABULARY, SENTENCES, [None, None], ("unknown",), ())
    known.save(tmp_path)
    assert CorpusStatistics.load(tmp_path).labels == known.labels
    assert known.labels.dependencies == ()


def test_saved_counts_are_the_same(tmp_path):
    sentences = [Sentence(words, "") for words in (("Curry", "a\nb"), ("curry", "é"), ("NBA",))]
    counts = CorpusStatistics.count(VOCABULARY, sentences, [None] * 3, (), ())
    counts.save(tmp_path)
    read, made_ = CorpusStatistics.load(tmp_path).cooccurrence, counts.cooccurrence
    assert (read.words, read.sentences) == (made_.words, 3)
    some = ["curry", "a\nb", "NBA", "é"]
    np.testing.assert_array_equal(
        read.levels(some, counted=False), made_.levels(some, counted=False)
    )


@pytest.fixture
def saved(tmp_path):
    CorpusStatistics.count(VOCABULARY, SENTENCES, PARSES, ("unknown",), ("near",)).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": np.array([10**6] * 8)}, "are not those of a matrix"),
        ({"columns": np.full(8, -1)}, "are not those of a matrix"),
        ({"starts": np.array([0, 9, 3, 6, 8])}, "are not those of a matrix"),
        ({"starts": np.array([0, 8])}, "are not those of a matrix"),
        ({"words": np.frombuffer(b'{"a": 1}', np.uint8)}, "no list of words"),
        ({"words": np.frombuffer(b"[[", np.uint8)}, "cannot be read"),
        ({"counts": np.array([object()] * 8)}, "expected a list of whole numbers"),
        ({"sentences": np.array([1, 2])}, "expected a whole number"),
    ],
)
def test_counts_of_strangers_are_checked(saved, change, said):
    path = saved / "cooccurrence.npz"
    with np.load(path) as stored:
        arrays = {**stored, **change}
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=said):
        CorpusStatistics.load(saved)


@pytest.mark.parametrize("value", [None, "per", [1], {"a": "b"}])
def test_names_of_strangers_are_checked(saved, value):
    path = saved / "knowledge.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "types": value}))
    with pytest.raises(UserError, match="no list of names 'types'"):
        CorpusStatistics.load(saved)


def test_priors_of_the_labels_are_kept(saved):
    ann, bob, oslo = Entity(0, 1, 0), Entity(2, 3, 0), Entity(3, 4, 2)
    peers = [Quintuple(ann, bob, 0), Quintuple(bob, ann, 0), Quintuple(ann, oslo, 1)]
    sentences = [Sentence(("a",) * 4, "", Labels.from_quintuples(peers))] * 3
    known = CorpusStatistics.count(VOCABULARY, sentences, [None] * 3, ("unknown",), ())
    assert known.priors == Priors(touching=0.7, once=frozenset([1, 2, 3]))  # 3 of 9 entities touch
    known.save(saved)
    assert CorpusStatistics.load(saved).priors == known.priors


def test_runs_without_priors_keep_those_of_before(saved):
    path = saved / "knowledge.json"
    names = json.loads(path.read_text())
    del names["touching_log_odds"], names["relations_told_once"]
    path.write_text(json.dumps(names))
    assert CorpusStatistics.load(saved).priors == Priors(6.2, frozenset())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("touching_log_odds", value) for value in (None, -1, float("nan"), "6", True)],
        *[("relations_told_once", value) for value in (None, "peer", ["enemy"], [[]])],
    ],
)
def test_priors_of_strangers_are_checked(saved, key, value):
    path = saved / "knowledge.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(UserError, match=f"'{key}' must be"):
        CorpusStatistics.load(saved)
