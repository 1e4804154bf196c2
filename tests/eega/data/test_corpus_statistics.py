"""What a run keeps of its training data."""

import numpy as np
from label_sets import VOCABULARY
from parse_examples import made

from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.sentences import Sentence

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
    for name in ("vocabulary", "labels", "classes", "relations"):
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
