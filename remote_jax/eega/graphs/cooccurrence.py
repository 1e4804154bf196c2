"""How often words of the training split share a sentence, as pointwise mutual information.

The channel Co of the multi-channel layer (appendix A). With p the share of sentences that have a
word, or both words, PMI(x, y) = log2 p(x, y) / (p(x) p(y)), rounded up; negative values are -1, and
0 stands for two words that no sentence has together, of which nothing is known.

A sentence of the training split is not counted for itself: else each of its pairs would have been
seen at least once, and look unlike the pairs of any other sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse
from jaxtyping import Int

MAX_LEVEL = 12
"""The greatest value: PMI above it counts as it."""

LEVELS = MAX_LEVEL + 2
"""Levels that `Cooccurrence.levels` tells apart: -1 is level 0."""


@dataclass(frozen=True)
class Cooccurrence:
    """Counts of sentences.

    Attributes:
        words: lower-cased, in order.
        together: sentences that have both words; on the diagonal those that have the one.
        sentences: all of them.
    """

    words: tuple[str, ...]
    together: scipy.sparse.csr_array
    sentences: int

    @classmethod
    def count(cls, sentences: Iterable[Sequence[str]]) -> Cooccurrence:
        """Counts the sentences of the training split."""
        bags = [{word.lower() for word in words} for words in sentences]
        words = tuple(sorted(set().union(*bags)))
        number = {word: place for place, word in enumerate(words)}
        columns = [number[word] for bag in bags for word in sorted(bag)]
        starts = np.cumsum([0, *map(len, bags)])
        has = scipy.sparse.csr_array(
            (np.ones(len(columns), np.int32), columns, starts), shape=(len(bags), len(words))
        )
        return cls(words, (has.T @ has).tocsr(), len(bags))

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    def levels(self, words: Sequence[str], *, counted: bool) -> Int[np.ndarray, "words words"]:
        """1 + the rounded PMI of each two words of a sentence, in [0, `LEVELS`).

        Args:
            words: of the sentence.
            counted: whether it is one of those that were counted, and is to be left out.
        """
        places = np.array([self._number.get(word.lower(), -1) for word in words], np.int64)
        known = places >= 0
        both = np.zeros((len(words), len(words)))
        if known.any():
            own = places[known]
            block = self.together[own[:, None], own[None, :]].toarray()
            both[np.ix_(known, known)] = block.reshape(len(own), len(own)) - counted
        alone = np.diagonal(both)
        seen = both > 0
        expected = np.where(seen, alone[:, None] * alone[None, :], 1.0)
        others = max(self.sentences - counted, 1)
        pmi = np.log2(np.where(seen, both, 1.0) * others / expected)
        rounded = np.where(pmi < 0, -1, np.ceil(pmi))
        return np.where(seen, np.clip(rounded, -1, MAX_LEVEL) + 1, 1).astype(np.int32)
