"""The token sequence of a pair (Eq. 3): sentence with marked head and tail, then their captions.

    [CLS] .. <s1> head </s1> .. <s2> tail </s2> .. [SEP] <o1> caption </o1> <o2> caption </o2> [SEP]

An object always has its `<o>` pair, empty without a caption; an entity has one only with a
caption. Without any `<o>` pair the sequence ends with the first `[SEP]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.encoders.word_pieces import Ids, WordPieces
from remote_jax.remote.data.pairs import Pair

MAX_SPECIAL_TOKENS = 11
"""[CLS], two [SEP] and eight markers."""


@dataclass(frozen=True)
class Text:
    """The sequence of Eq. 3, padded; `lost` word pieces of it had no room."""

    tokens: Int[np.ndarray, " n"]
    mask: Bool[np.ndarray, " n"]
    types: Int[np.ndarray, " n"]
    marker: Int[np.ndarray, "2"]
    lost: int


def sequence(
    pair: Pair, pieces: WordPieces, length: int, *, sentence: bool = True, caption: bool = True
) -> Text:
    """Builds the sequence of a pair.

    All markers are kept whatever the length. Where the rest is too long, captions are cut to half
    of the room, or to what a short sentence leaves; then the pieces of the sentence that are
    farthest from the nearest entity go (from the end of the sentence if neither is one). Two
    entities too long for the room share it: each keeps its first pieces, and at least one.

    Args:
        pair: its tokens, arguments and captions.
        pieces: word pieces and special tokens.
        length: n, at least `MAX_SPECIAL_TOKENS`.
        sentence: whether the words of the sentence are seen; its markers always are.
        caption: whether captions are seen.
    """
    parts = _parts(pair, pieces, sentence=sentence, caption=caption)
    arguments, words, captions = (pair.head, pair.tail), parts.words, parts.captions
    marked = sum(argument.span is not None for argument in arguments)
    room = length - parts.special
    size = sum(map(len, words))
    captions = _cut(captions, max(min(room // 2, room - marked), room - size, 0))
    kept = nearest(words, [argument.span for argument in arguments], room - sum(map(len, captions)))
    lost = parts.size - parts.special - sum(map(len, [*kept, *captions]))
    first, marker = _sentence(kept, pair, pieces.ids)
    second: list[int] = []
    for index, (argument, text) in enumerate(zip(arguments, captions, strict=True)):
        if parts.captioned[index]:
            opening, closing = pieces.ids.caption[index]
            if argument.object >= 0:
                marker[index] = len(first) + len(second)
            second += [opening, *text, closing]
    if second:
        second.append(pieces.ids.sep)
    tokens, mask, types = padded(first, second, pieces.ids.pad, length)
    return Text(tokens, mask, types, np.array(marker, np.int32), lost)


def needed(pair: Pair, pieces: WordPieces, *, sentence: bool = True, caption: bool = True) -> int:
    """Length of the whole sequence of a pair, whatever room there is; arguments as `sequence`."""
    return _parts(pair, pieces, sentence=sentence, caption=caption).size


@dataclass(frozen=True)
class _Parts:
    """What a sequence is made of: pieces of words and captions, and so many special tokens.

    `captioned` are head and tail if they have a pair of markers for a caption.
    """

    words: Sequence[tuple[int, ...]]
    captions: list[list[int]]
    captioned: list[bool]
    special: int

    @property
    def size(self) -> int:
        return self.special + sum(map(len, [*self.words, *self.captions]))


def _parts(pair: Pair, pieces: WordPieces, *, sentence: bool, caption: bool) -> _Parts:
    arguments = (pair.head, pair.tail)
    words = pieces.of(pair.tokens) if sentence else [()] * len(pair.tokens)
    captions = [
        [piece for word in argument.caption.split() for piece in pieces(word)] if caption else []
        for argument in arguments
    ]
    captioned = [
        argument.object >= 0 or bool(text)
        for argument, text in zip(arguments, captions, strict=True)
    ]
    marked = sum(argument.span is not None for argument in arguments)
    special = 2 + any(captioned) + 2 * marked + 2 * sum(captioned)
    return _Parts(words, captions, captioned, special)


def _cut(captions: list[list[int]], room: int) -> list[list[int]]:
    """The starts of both captions, in `room` pieces; what one does not need goes to the other."""
    head, tail = map(len, captions)
    if head + tail <= room:
        return captions
    share = min(head, max(room // 2, room - tail))
    return [captions[0][:share], captions[1][: room - share]]


def nearest(
    words: Sequence[Sequence[int]], spans: Sequence[tuple[int, int] | None], room: int
) -> list[list[int]]:
    """The `room` pieces nearest to a span, still grouped by word.

    Inside a span the first pieces come first, so that where not even the spans fit, the room is
    shared between them, and what one does not need goes to the other.
    """
    size = sum(map(len, words))
    if size <= room:
        return [list(word) for word in words]
    starts, at = np.cumsum([0, *map(len, words)]), np.arange(size)
    ends = [(starts[span[0]], starts[span[1]]) for span in spans if span is not None]
    distances = [np.maximum(np.maximum(first - at, at - last + 1), 0) for first, last in ends]
    distance = np.min(distances, axis=0) if ends else at
    depths = [np.where((first <= at) & (at < last), at - first, size) for first, last in ends]
    depth = np.min(depths, axis=0) if ends else at
    keep = np.zeros(size, bool)
    keep[np.lexsort((depth, distance))[: max(room, 0)]] = True
    return [
        [piece for piece, kept in zip(word, keep[start:end], strict=True) if kept]
        for word, (start, end) in zip(words, pairwise(starts), strict=True)
    ]


def _sentence(words: list[list[int]], pair: Pair, ids: Ids) -> tuple[list[int], list[int]]:
    """[CLS], the words with markers around the entities, [SEP]; and where the markers open."""
    spans = [(i, x.span) for i, x in enumerate((pair.head, pair.tail)) if x.span is not None]
    # Where both open, the longer one is outside; where both close, the one opened last is inside.
    opening = sorted(spans, key=lambda entry: (entry[1][0], -entry[1][1]))
    tokens, marker, done = [ids.cls], [0, 0], 0
    for at in sorted({end for _, span in spans for end in span}):
        for word in words[done:at]:
            tokens += word
        done = at
        tokens += [ids.text[i][1] for i, span in reversed(opening) if span[1] == at]
        for i, span in opening:
            if span[0] == at:
                marker[i] = len(tokens)
                tokens.append(ids.text[i][0])
    for word in words[done:]:
        tokens += word
    return [*tokens, ids.sep], marker


def padded(
    first: Sequence[int], second: Sequence[int], pad: int, length: int
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Tokens of both parts of a text, where they are, and their types."""
    size = len(first) + len(second)
    tokens = np.full(length, pad, np.int32)
    tokens[:size] = [*first, *second]
    types = np.zeros(length, np.int32)
    types[len(first) : size] = 1
    return tokens, np.arange(length) < size, types
