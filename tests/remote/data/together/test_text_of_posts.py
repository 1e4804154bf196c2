"""The text of a post: what stands where, and that it always fits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from released import words_tokenizer

from remote_jax.encoders.word_pieces import WordPieces
from remote_jax.remote.data.together.text import least_length, sequence

TOKENIZER = words_tokenizer()
PIECES = WordPieces(TOKENIZER)
WORDS = ("ann", "lee", "met", "bob", "at", "sea")


def read(text, ends):
    """What stands from the first to the last position."""
    return TOKENIZER.decode(text.tokens[ends[0] : ends[1] + 1])


def test_sentence_then_captions_and_where_they_are():
    found = sequence(WORDS, [(0, 2), (3, 4)], ["a cat", ""], PIECES, 60)
    tokens = TOKENIZER.convert_ids_to_tokens(found.tokens[found.mask])
    assert tokens[0] == "[CLS]" and tokens.count("[SEP]") == 2 and tokens[-1] == "[SEP]"
    assert tokens.count("<o1>") == tokens.count("</o1>") == 2 and "<s1>" not in tokens
    assert read(found, found.spans[0, 2]) == "ann lee" and read(found, found.spans[3, 4]) == "bob"
    assert read(found, found.captions[0]) == "<o1> a cat </o1>"
    assert read(found, found.captions[1]) == "<o1> </o1>"
    types = found.types[found.mask]
    assert (types == (np.arange(len(types)) > tokens.index("[SEP]"))).all()


def test_without_captions_the_text_is_the_sentence():
    found = sequence(WORDS, [(5, 6)], [], PIECES, 30)
    assert TOKENIZER.decode(found.tokens[found.mask]) == "[CLS] ann lee met bob at sea [SEP]"
    assert not found.types.any() and found.lost == 0


def test_a_sentence_that_is_not_seen_has_no_place_of_its_own():
    found = sequence((), [(0, 2)], ["cat"], PIECES, 30)
    assert found.spans == {(0, 2): (1, 1)} and found.captions


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), max_size=5),
    st.integers(0, 30),
    st.data(),
)
def test_it_always_fits_and_keeps_entities_and_markers(words, captions, more, data):
    start = data.draw(st.integers(0, len(words) - 1))
    span = (start, data.draw(st.integers(start + 1, len(words))))
    length = 2 * least_length(len(captions)) + more
    cut, whole = (sequence(words, [span], captions, PIECES, size) for size in (length, 2000))
    assert whole.lost == 0 and cut.mask.sum() == min(whole.mask.sum(), length)
    assert cut.lost == whole.mask.sum() - cut.mask.sum()
    first, last = cut.spans[span]
    assert 0 < first <= last and cut.mask[last]
    for opening, closing in cut.captions:
        marks = TOKENIZER.convert_ids_to_tokens(cut.tokens[[opening, closing]])
        assert marks == ["<o1>", "</o1>"]
    if cut.lost == 0:
        assert read(cut, cut.spans[span]) == read(whole, whole.spans[span])


@pytest.mark.parametrize("captions", [["a b c d e f g h", "x"], ["x", "a b c d e f g h"]])
def test_long_captions_are_cut_before_short_ones(captions):
    found = sequence(WORDS, [(0, 1)], captions, PIECES, 20)
    assert "x" in TOKENIZER.decode(found.tokens[found.mask]).split() and found.lost
