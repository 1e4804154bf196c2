"""The text of a post whose pairs are read together, and where each pair's markers belong.

    [CLS] sentence [SEP] <o1> caption of object 0 </o1> <o1> caption of object 1 </o1> .. [SEP]

No marker stands in the sentence. Those of a pair, opening and closing ones of head and tail, come
after the text and have the positions of what they mark: a *levitated* marker has that of the first
or last word piece of an entity, or of the marker before or after an object's caption. The text does
not attend to them, and those of one pair not to those of another (`model.together`).

Levitated markers: Zhong and Chen, A Frustratingly Easy Approach for Entity and Relation
Extraction, 2021, §3.3; Ye et al., Packed Levitated Marker, 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from remote_jax.encoders.word_pieces import WordPieces
from remote_jax.remote.data.pairs import Span
from remote_jax.remote.data.text import nearest, padded

Ends = tuple[int, int]
"""Positions of the first and the last token of what a pair of markers marks."""


@dataclass(frozen=True)
class PostText:
    """The text, padded; `lost` word pieces of it had no room.

    Attributes:
        spans: positions of each span.
        captions: positions of the markers around each object's caption.
    """

    tokens: Int[np.ndarray, " n"]
    mask: Bool[np.ndarray, " n"]
    types: Int[np.ndarray, " n"]
    spans: dict[Span, Ends]
    captions: tuple[Ends, ...]
    lost: int


def least_length(objects: int) -> int:
    """The shortest text that has room for so many objects without captions, and a sentence."""
    return 4 + 2 * objects


def sequence(
    words: Sequence[str],
    spans: Sequence[Span],
    captions: Sequence[str],
    pieces: WordPieces,
    length: int,
) -> PostText:
    """Builds the text of a post.

    Where it is too long, captions are cut to half of the room, or to what a short sentence leaves,
    the longest ones first; then the pieces of the sentence go that are farthest from all spans.

    Args:
        words: of the sentence; none where it is not seen.
        spans: entities of the pairs, in words.
        captions: of the objects, "" where there is none or it is not seen.
        pieces: word pieces and special tokens.
        length: n, at least `least_length`.
    """
    cut = [pieces(word) for word in words]
    told = [[piece for word in text.split() for piece in pieces(word)] for text in captions]
    size, wanted = sum(map(len, cut)), sum(map(len, [*cut, *told]))
    room = length - 2 - bool(told) - 2 * len(told)
    told = _shortened(told, max(room // 2, room - size))
    kept = nearest(cut, spans, room - sum(map(len, told)))
    first = [pieces.ids.cls, *(piece for word in kept for piece in word), pieces.ids.sep]
    starts = np.cumsum([1, *map(len, kept)])
    second, around = _captions(told, pieces, len(first))
    tokens, mask, types = padded(first, second, pieces.ids.pad, length)
    lost = wanted - sum(map(len, [*kept, *told]))
    return PostText(
        tokens, mask, types, {span: _ends(span, starts) for span in spans}, around, lost
    )


def _ends(span: Span, starts: Int[np.ndarray, " words+1"]) -> Ends:
    """Of a span without a piece, the place where it would be."""
    if len(starts) == 1:  # the sentence is not seen
        return 1, 1
    first, last = int(starts[span[0]]), int(starts[span[1]]) - 1
    return first, max(first, last)


def _captions(
    told: Sequence[Sequence[int]], pieces: WordPieces, start: int
) -> tuple[list[int], tuple[Ends, ...]]:
    """The second part of the text, and the positions of the markers around each caption."""
    opening, closing = pieces.ids.caption[0]
    found: list[int] = []
    around = []
    for text in told:
        around.append((start + len(found), start + len(found) + len(text) + 1))
        found += [opening, *text, closing]
    return ([*found, pieces.ids.sep] if told else []), tuple(around)


def _shortened(texts: list[list[int]], room: int) -> list[list[int]]:
    """The starts of all texts: the same limit for each, and what is left to the first ones."""
    lengths = np.array([len(text) for text in texts], int)
    limit = max(lengths, default=0)
    while np.minimum(lengths, limit).sum() > room:
        limit -= 1
    left = room - np.minimum(lengths, limit).sum()
    longer = np.cumsum(lengths > limit) <= left
    return [text[: limit + more] for text, more in zip(texts, longer.tolist(), strict=True)]
