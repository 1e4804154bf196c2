"""The token sequence of a pair (Eq. 3): sentence with marked ends, then the ends' captions.

    [CLS] .. <s1> head </s1> .. <s2> tail </s2> .. [SEP] <o1> caption </o1> <o2> caption </o2> [SEP]

An object end always has its `<o>` pair, empty without a caption; a text end has one only with a
caption. Without any `<o>` pair the sequence ends with the first `[SEP]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Int
from tokenizers import Tokenizer

from remote_jax.errors import UserError
from remote_jax.remote.pairs import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LONGEST_FRAME = 11
"""[CLS], two [SEP] and eight markers."""

CACHED_WORDS = 100_000
CACHED_LENGTH = 40


@dataclass(frozen=True)
class Ids:
    """Token ids with a role; markers as (opening, closing) for head and tail."""

    cls: int
    sep: int
    pad: int
    unknown: int
    text: tuple[tuple[int, int], tuple[int, int]]
    caption: tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Text:
    """The sequence of Eq. 3, padded."""

    tokens: Int[np.ndarray, " n"]
    mask: Bool[np.ndarray, " n"]
    types: Int[np.ndarray, " n"]
    marker: Int[np.ndarray, "2"]


class WordPieces:
    """Word pieces of words, a word at a time, so that spans of words stay spans of pieces.

    Text cannot write a special token: where a word reads `[SEP]` or `<s1>`, its piece is unknown.
    Cheap to send to another process, and safe to use from several threads.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast):
        """Takes the pieces, special tokens and markers of a fast tokenizer.

        Raises:
            UserError: it lacks a special token or a marker.
        """
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        added = self._tokenizer.get_added_tokens_decoder()
        self._special = frozenset(number for number, token in added.items() if token.special)
        self._pieces: dict[str, tuple[int, ...]] = {}
        self.ids = Ids(
            cls=self._id(tokenizer.cls_token),
            sep=self._id(tokenizer.sep_token),
            pad=self._id(tokenizer.pad_token),
            unknown=self._id(tokenizer.unk_token),
            text=(self._ids("s1"), self._ids("s2")),
            caption=(self._ids("o1"), self._ids("o2")),
        )

    def _ids(self, marker: str) -> tuple[int, int]:
        return self._id(f"<{marker}>"), self._id(f"</{marker}>")

    def _id(self, token: str | None) -> int:
        number = self._tokenizer.token_to_id(token) if token else None
        if number is None:
            raise UserError(
                f"The tokenizer has no token {token or '[CLS], [SEP], [PAD], [UNK]'!r}."
            )
        return number

    def __call__(self, word: str) -> tuple[int, ...]:
        """Pieces of one word; none where its characters are all dropped by normalisation."""
        pieces = self._pieces.get(word)
        if pieces is None:
            found = self._tokenizer.encode(word, add_special_tokens=False).ids
            pieces = tuple(self.ids.unknown if i in self._special else i for i in found)
            if len(word) <= CACHED_LENGTH and len(self._pieces) < CACHED_WORDS:
                self._pieces[word] = pieces
        return pieces


def sequence(
    pair: Pair, pieces: WordPieces, length: int, *, sentence: bool = True, caption: bool = True
) -> Text:
    """Builds the sequence of a pair.

    All markers are kept whatever the length. Where the rest is too long, captions are cut to half
    of the room, or to what a short sentence leaves; then the pieces of the sentence that are
    farthest from the nearest text end go (from the end of the sentence if no end is text).

    Args:
        pair: its tokens, ends and captions.
        pieces: word pieces and special tokens.
        length: n, at least `LONGEST_FRAME`.
        sentence: whether the words of the sentence are seen; its markers always are.
        caption: whether captions are seen.
    """
    ends = (pair.head, pair.tail)
    words = [pieces(word) if sentence else () for word in pair.tokens]
    captions = [
        [piece for word in end.caption.split() for piece in pieces(word)] if caption else []
        for end in ends
    ]
    captioned = [end.object >= 0 or bool(text) for end, text in zip(ends, captions, strict=True)]
    marked = sum(end.span is not None for end in ends)
    room = length - 2 - any(captioned) - 2 * marked - 2 * sum(captioned)
    size = sum(map(len, words))
    captions = _cut(captions, max(room // 2, room - size))
    kept = _nearest(words, [end.span for end in ends], room - sum(map(len, captions)))
    first, marker = _sentence(kept, pair, pieces.ids)
    second: list[int] = []
    for index, (end, text) in enumerate(zip(ends, captions, strict=True)):
        if captioned[index]:
            opening, closing = pieces.ids.caption[index]
            if end.object >= 0:
                marker[index] = len(first) + len(second)
            second += [opening, *text, closing]
    return _pad(first, [*second, pieces.ids.sep] if second else [], marker, pieces.ids.pad, length)


def _cut(captions: list[list[int]], room: int) -> list[list[int]]:
    """The starts of both captions, in `room` pieces; what one does not need goes to the other."""
    head, tail = map(len, captions)
    if head + tail <= room:
        return captions
    share = min(head, max(room // 2, room - tail))
    return [captions[0][:share], captions[1][: room - share]]


def _nearest(
    words: Sequence[Sequence[int]], spans: Sequence[tuple[int, int] | None], room: int
) -> list[list[int]]:
    """The `room` pieces nearest to a span, still grouped by word."""
    starts = np.cumsum([0, *map(len, words)])
    size = int(starts[-1])
    if size <= room:
        return [list(word) for word in words]
    at = np.arange(size)
    distances = [
        np.maximum(np.maximum(starts[span[0]] - at, at - starts[span[1]] + 1), 0)
        for span in spans
        if span is not None
    ]
    distance = np.min(distances, axis=0) if distances else at
    keep = np.zeros(size, bool)
    keep[np.argsort(distance, kind="stable")[: max(room, 0)]] = True
    return [
        [piece for piece, kept in zip(word, keep[start:end], strict=True) if kept]
        for word, (start, end) in zip(words, pairwise(starts), strict=True)
    ]


def _sentence(words: list[list[int]], pair: Pair, ids: Ids) -> tuple[list[int], list[int]]:
    """[CLS], the words with markers around the text ends, [SEP]; and where the markers open."""
    ends = [(i, end.span) for i, end in enumerate((pair.head, pair.tail)) if end.span is not None]
    # Where both open, the longer one is outside; where both close, the one opened last is inside.
    opening = sorted(ends, key=lambda end: (end[1][0], -end[1][1]))
    tokens, marker = [ids.cls], [0, 0]
    for at in range(len(words) + 1):
        tokens += [ids.text[i][1] for i, span in reversed(opening) if span[1] == at]
        for i, span in opening:
            if span[0] == at:
                marker[i] = len(tokens)
                tokens.append(ids.text[i][0])
        if at < len(words):
            tokens += words[at]
    return [*tokens, ids.sep], marker


def _pad(first: list[int], second: list[int], marker: list[int], pad: int, length: int) -> Text:
    size = len(first) + len(second)
    tokens = np.full(length, pad, np.int32)
    tokens[:size] = first + second
    types = np.zeros(length, np.int32)
    types[len(first) : size] = 1
    return Text(tokens, np.arange(length) < size, types, np.array(marker, np.int32))
