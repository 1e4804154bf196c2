"""The sequence of Eq. 3, against a direct reading of it and by its properties."""

import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from released import CAPTIONS, WORDS, words_tokenizer
from transformers import PreTrainedTokenizerFast

from remote_jax.errors import UserError
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.remote.data.text import MAX_SPECIAL_TOKENS, WordPieces, sequence

TOKENIZER = words_tokenizer()
PIECES = WordPieces(TOKENIZER)
MARKERS = set(TOKENIZER.convert_tokens_to_ids(["<s1>", "</s1>", "<s2>", "</s2>"])) | set(
    TOKENIZER.convert_tokens_to_ids(["<o1>", "</o1>", "<o2>", "</o2>"])
)


def text(start, end, caption=""):
    return Argument("e", span=(start, end), caption=caption)


def thing(index=0, caption=""):
    return Argument(f"[OBJ{index}]", object=index, caption=caption)


def pair(head, tail, words=WORDS):
    return Pair(tuple(words), head, tail, np.array([[0, 0, 1, 1]] * 2, np.float32))


def read(result):
    return TOKENIZER.convert_ids_to_tokens(result.tokens[result.mask])


def written(result):
    """Tokens as text with one blank between them."""
    return " ".join(read(result))


def check(result, head, tail):
    """What holds for every sequence."""
    size = int(result.mask.sum())
    assert result.mask[:size].all() and not result.mask[size:].any()
    tokens = read(result)
    assert tokens[0] == "[CLS]" and tokens[-1] == "[SEP]"
    for number, end in enumerate((head, tail), 1):
        kind = "s" if end.span else "o"
        assert tokens[result.marker[number - 1]] == f"<{kind}{number}>"
        for marker in (f"<{kind}{number}>", f"</{kind}{number}>"):
            assert tokens.count(marker) == 1
        assert tokens.index(f"<{kind}{number}>") < tokens.index(f"</{kind}{number}>")
    split = tokens.index("[SEP]") + 1
    assert not result.types[:split].any()
    assert result.types[split:size].all() and not result.types[size:].any()
    assert (result.tokens[size:] == TOKENIZER.pad_token_id).all()


def test_two_entities():
    head, tail = text(0, 2), text(5, 6)
    got = sequence(pair(head, tail), PIECES, 40)
    check(got, head, tail)
    expected = (
        "[CLS] <s1> ann lee </s1> met bob at <s2> oslo </s2> town hall , he won the cup . [SEP]"
    )
    assert written(got) == expected
    assert got.tokens.shape == got.mask.shape == got.types.shape == (40,)
    assert got.tokens.dtype == got.types.dtype == got.marker.dtype == np.int32


def test_entity_and_object_with_captions():
    head, tail = text(5, 6, CAPTIONS["Oslo"]), thing(1, CAPTIONS["[OBJ1]"])
    got = sequence(pair(head, tail, WORDS[:7]), PIECES, 40)
    check(got, head, tail)
    assert written(got) == (
        "[CLS] ann lee met bob at <s1> oslo </s1> town [SEP] "
        "<o1> a city </o1> <o2> a golden cup </o2> [SEP]"
    )


def test_objects_without_captions_keep_their_markers():
    head, tail = thing(0, "not seen"), thing(1)
    got = sequence(pair(head, tail, WORDS[:2]), PIECES, 40, caption=False)
    check(got, head, tail)
    assert written(got) == "[CLS] ann lee [SEP] <o1> </o1> <o2> </o2> [SEP]"


def test_a_text_end_has_no_caption_markers_without_a_caption():
    head, tail = text(0, 1, "not seen"), thing(1, "a city")
    got = sequence(pair(head, tail, WORDS[:2]), PIECES, 40, caption=False)
    assert written(got) == "[CLS] <s1> ann </s1> lee [SEP] <o2> </o2> [SEP]"


def test_without_the_sentence_its_markers_stay():
    head, tail = text(0, 2), text(5, 6, "a city")
    got = sequence(pair(head, tail), PIECES, 40, sentence=False)
    check(got, head, tail)
    assert written(got) == "[CLS] <s1> </s1> <s2> </s2> [SEP] <o2> a city </o2> [SEP]"


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ((0, 2), (0, 2), "<s1> <s2> a b </s2> </s1> c d"),
        ((0, 2), (0, 3), "<s2> <s1> a b </s1> c </s2> d"),
        ((0, 3), (1, 2), "<s1> a <s2> b </s2> c </s1> d"),
        ((1, 3), (0, 3), "<s2> a <s1> b c </s1> </s2> d"),
        ((0, 3), (1, 3), "<s1> a <s2> b c </s2> </s1> d"),
        ((0, 2), (1, 3), "<s1> a <s2> b </s1> c </s2> d"),
        ((2, 4), (0, 2), "<s2> a b </s2> <s1> c d </s1>"),
    ],
)
def test_overlapping_spans(head, tail, expected):
    got = sequence(pair(text(*head), text(*tail), "abcd"), PIECES, 40)
    check(got, text(*head), text(*tail))
    assert written(got) == f"[CLS] {expected} [SEP]"


def test_pieces_far_from_the_ends_are_dropped_first():
    words = "abcdefghijklmnop"
    got = sequence(pair(text(3, 4), text(9, 11), words), PIECES, 6 + 8)
    assert written(got) == "[CLS] b c <s1> d </s1> e i <s2> j k </s2> l [SEP]"
    got = sequence(pair(text(0, 1), text(15, 16), words), PIECES, 6 + 4)
    assert written(got) == "[CLS] <s1> a </s1> b o <s2> p </s2> [SEP]"


def test_two_ends_too_long_for_the_room_share_it():
    words = "abcdefghijklmnop"
    got = sequence(pair(text(0, 10), text(12, 16), words), PIECES, 6 + 6)
    assert written(got) == "[CLS] <s1> a b c </s1> <s2> m n o </s2> [SEP]"
    got = sequence(pair(text(2, 14), text(15, 16), words), PIECES, 6 + 6)
    assert written(got) == "[CLS] <s1> c d e f g </s1> <s2> p </s2> [SEP]"
    got = sequence(pair(text(15, 16), text(0, 15, "x x x"), words), PIECES, 9 + 2)
    assert written(got) == "[CLS] <s2> a </s2> <s1> p </s1> [SEP] <o2> </o2> [SEP]"


class NumberedPieces:
    """Word "K:N" has N pieces that no other word has; any other word is one piece."""

    ids = PIECES.ids

    def __call__(self, word):
        number, _, size = word.partition(":")
        return tuple(range(start := 1000 + 10 * int(number), start + int(size))) if size else (999,)

    def of(self, words):
        return [self(word) for word in words]


SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda x: (min(x), max(x) + 1))


@settings(max_examples=300, deadline=None)
@given(
    spans=st.tuples(SPANS, SPANS),
    sizes=st.lists(st.integers(0, 5), min_size=10, max_size=10),
    captions=st.tuples(*[st.sampled_from(["", "x", "x x x x x x x x"])] * 2),
    room=st.integers(0, 40),
)
def test_no_end_is_cut_away_where_there_is_room_for_both(spans, sizes, captions, room):
    words = [f"{number}:{size}" for number, size in enumerate(sizes)]
    ends = [text(*span, caption) for span, caption in zip(spans, captions, strict=True)]
    length = 6 + any(captions) + 2 * sum(map(bool, captions)) + room
    assume(length >= MAX_SPECIAL_TOKENS)
    pieces = NumberedPieces()
    got = set(sequence(pair(*ends, words), pieces, length).tokens)
    whole = [[piece for word in words[slice(*span)] for piece in pieces(word)] for span in spans]
    if room >= len({end[0] for end in whole if end}):
        assert all(end[0] in got for end in whole if end)
    if set(whole[0]).isdisjoint(whole[1]):
        kept = [[piece in got for piece in end] for end in whole]
        for mine, other in (kept, kept[::-1]):
            assert mine == sorted(mine, reverse=True), "its first pieces stay"
            assert all(mine) or sum(mine) >= sum(other) - 1, "the other end has more"


def test_captions_are_cut_to_half_of_the_room_first():
    words, caption = "abcdefghijklmnop", "x x x x x x x x x x"
    got = sequence(pair(thing(0, caption), thing(1, "y y"), words), PIECES, 7 + 12)
    assert written(got) == "[CLS] a b c d e f [SEP] <o1> x x x x </o1> <o2> y y </o2> [SEP]"
    got = sequence(pair(thing(0, caption), thing(1, caption), words), PIECES, 7 + 12)
    assert written(got) == "[CLS] a b c d e f [SEP] <o1> x x x </o1> <o2> x x x </o2> [SEP]"
    got = sequence(pair(thing(0, caption), thing(1, caption), "ab"), PIECES, 7 + 12)
    assert written(got).count("x") == 10


def test_text_cannot_write_special_tokens():
    words = ["[SEP]", "<s1>", "a</s1>b", "[CLS]", "[MASK]", "</o2>"]
    head, tail = text(0, 1), thing(0, "<o1> [SEP] a")
    got = sequence(pair(head, tail, words), PIECES, 60)
    check(got, head, tail)
    assert written(got).count("[SEP]") == 2


ENDS = st.builds(
    lambda span, caption: text(min(span), max(span) + 1, caption),
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from(["", "a city", "a golden cup " * 9, "\u200b"]),
) | st.builds(thing, st.integers(0, 1), st.sampled_from(["", "a woman in a red coat " * 9]))


@settings(max_examples=300, deadline=None)
@given(
    head=ENDS,
    tail=ENDS,
    words=st.lists(
        st.sampled_from([*WORDS, "[SEP]", "</s2>", "unseenword", "\u200b", "é"]),
        min_size=10,
        max_size=30,
    ),
    length=st.integers(MAX_SPECIAL_TOKENS, 60),
    sentence=st.booleans(),
    caption=st.booleans(),
)
def test_it_always_fits_and_keeps_markers_and_order(head, tail, words, length, sentence, caption):
    example = pair(head, tail, words)
    got = sequence(example, PIECES, length, sentence=sentence, caption=caption)
    whole = sequence(example, PIECES, 2000, sentence=sentence, caption=caption)
    check(got, head, tail)
    check(whole, head, tail)
    full, cut = list(whole.tokens[whole.mask]), list(got.tokens[got.mask])
    rest = iter(full)
    assert all(token in rest for token in cut), "the order of the pieces changed"
    assert len(cut) == min(len(full), length), "room was left empty, or overrun"
    assert [t for t in cut if t in MARKERS] == [t for t in full if t in MARKERS]
    assert got.lost == len(full) - len(cut) and whole.lost == 0


def test_pieces_are_those_of_the_whole_sentence():
    line = "Ann-Lee's @handle, #tag http://t.co/x 12.5% naïve"
    expected = TOKENIZER(line, add_special_tokens=False)["input_ids"]
    assert [piece for word in line.split() for piece in PIECES(word)] == expected


def test_truncation_of_the_given_tokenizer_changes_nothing():
    TOKENIZER("a b c", truncation=True, max_length=3)
    pieces = WordPieces(TOKENIZER)
    assert len(pieces("abcdefghij" * 3)) == len(PIECES("abcdefghij" * 3))


def test_pickled_pieces_are_the_same():
    again = pickle.loads(pickle.dumps(PIECES))
    assert again.ids == PIECES.ids
    assert [again(word) for word in WORDS] == [PIECES(word) for word in WORDS]


def test_a_tokenizer_without_markers_is_refused():
    plain = PreTrainedTokenizerFast(
        tokenizer_object=type(TOKENIZER.backend_tokenizer).from_str(
            TOKENIZER.backend_tokenizer.to_str().replace("<o2>", "<q2>")
        ),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    with pytest.raises(UserError, match="<o2>"):
        WordPieces(plain)
