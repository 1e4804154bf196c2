"""The known names nearest to one that is not known, for a person who misspelt it.

Case, underscores and the namespace of a URI do not count. Names are first sieved by the trigrams
that they share with the one looked for, which takes one pass over an array, then the best are
compared letter by letter (`difflib`). Among two million names the first search takes about a second
and 200 MB, a further one 0.1 s; among 15,000 nothing that one would notice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice

import numpy as np
from jaxtyping import Float, Int

MAX_SUGGESTIONS = 3
"""Most names to return."""

MIN_SIMILARITY = 0.6
"""Least similarity, `difflib`'s ratio, of a name worth showing."""

MAX_CANDIDATES = 64
"""Names that are compared letter by letter."""

COMPARED = 100
"""Letters of a name that are compared: the comparison is quadratic in them."""

BUCKETS = 2**16
BLOCK = 2**16
"""Names whose trigrams are made at a time; it bounds what making them takes beside them."""

NAMESPACE = re.compile(r"^[a-z][a-z0-9+.-]{0,20}://\S*[/#](?=\S)", re.MULTILINE)

Trigrams = Int[np.ndarray, " trigrams"]


class Names:
    """A vocabulary that can be searched; its index is made by the first search."""

    def __init__(self, names: Sequence[str]):
        self._names = names

    def nearest(self, name: str) -> tuple[str, ...]:
        """Up to `MAX_SUGGESTIONS` known names, the most similar first; or none."""
        text = _normalised(name)[:COMPARED]
        matcher = difflib.SequenceMatcher(None, autojunk=False)
        matcher.set_seq2(text)
        found = []
        for place in self._candidates(text):
            matcher.set_seq1(_normalised(self._names[place])[:COMPARED])
            if (
                matcher.quick_ratio() >= MIN_SIMILARITY
                and (ratio := matcher.ratio()) >= MIN_SIMILARITY
            ):
                found.append((-ratio, place))
        return tuple(self._names[place] for _, place in sorted(found)[:MAX_SUGGESTIONS])

    def _candidates(self, text: str) -> Int[np.ndarray, " sieved"]:
        """Places of the names with the highest share of trigrams in common with `text`."""
        ((wanted, _),) = _trigrams([text])
        is_wanted = np.zeros(BUCKETS, bool)
        is_wanted[wanted] = True
        shares = [_shares(is_wanted, len(wanted), *block) for block in self._blocks]
        if not shares:
            return np.zeros(0, int)
        share = np.concatenate(shares)
        return np.argpartition(-share, min(MAX_CANDIDATES, len(share)) - 1)[:MAX_CANDIDATES]

    @cached_property
    def _blocks(self) -> list[tuple[Trigrams, Int[np.ndarray, " names"]]]:
        return list(_trigrams(self._names))


def _shares(
    is_wanted: np.ndarray, count: int, trigrams: Trigrams, starts: Int[np.ndarray, " names"]
) -> Float[np.ndarray, " names"]:
    """Dice's coefficient of each name's trigrams with the `count` wanted ones."""
    common = np.add.reduceat(is_wanted[trigrams], starts, dtype=np.int32)
    lengths = np.diff(starts, append=len(trigrams))
    return common / (lengths + count)


def _trigrams(names: Sequence[str]) -> Iterator[tuple[Trigrams, Int[np.ndarray, " names"]]]:
    """For each block of names their trigrams, as buckets, and where those of each name start.

    Two line ends before each name and after the last set the first and last letters apart, so that
    no trigram has letters of two names. Letters that fall into one bucket only blunt the sieve.
    """
    remaining = iter(names)
    while block := [name.replace("\n", " ") for name in islice(remaining, BLOCK)]:
        text = "\n\n" + _normalised("\n\n".join(block)) + "\n\n"
        letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        mixed = letters[:-2] * np.uint32(0x9E3779B1) + letters[1:-1] * np.uint32(0x85EBCA77)
        mixed += letters[2:] * np.uint32(0xC2B2AE3D)
        mixed ^= mixed >> np.uint32(15)
        ends = np.flatnonzero(letters == ord("\n"))
        yield (mixed % BUCKETS).astype(np.uint16), ends[0:-2:2]


def _normalised(text: str) -> str:
    """Names, a line each, without what does not count."""
    return NAMESPACE.sub("", text.casefold().replace("_", " "))
