"""Word pieces of words, for models whose labels are spans of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from remote_jax.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

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


@lru_cache(maxsize=4)
def word_pieces(tokenizer: PreTrainedTokenizerFast) -> WordPieces:
    """Those of a tokenizer, made once: a vocabulary of 30,000 takes 40 ms, more than a post.

    Raises:
        UserError: as `WordPieces`.
    """
    return WordPieces(tokenizer)


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
        self._last: tuple[tuple[str, ...], list[tuple[int, ...]]] = ((), [])
        self.ids = Ids(
            cls=self._id(tokenizer.cls_token),
            sep=self._id(tokenizer.sep_token),
            pad=self._id(tokenizer.pad_token),
            unknown=self._id(tokenizer.unk_token),
            text=(self._ids("s1"), self._ids("s2")),
            caption=(self._ids("o1"), self._ids("o2")),
        )

    @property
    def json(self) -> str:
        """The tokenizer as its file has it."""
        return str(self._tokenizer.to_str())

    def _ids(self, marker: str) -> tuple[int, int]:
        return self._id(f"<{marker}>"), self._id(f"</{marker}>")

    def _id(self, token: str | None) -> int:
        number = self._tokenizer.token_to_id(token) if token else None
        if number is None:
            raise UserError(
                f"The tokenizer has no token {token or '[CLS], [SEP], [PAD], [UNK]'!r}."
            )
        return number

    def of(self, words: tuple[str, ...]) -> Sequence[tuple[int, ...]]:
        """Pieces of each of the words; those of the same words as last time are kept."""
        last = self._last
        if last[0] is not words:
            last = self._last = words, [self(word) for word in words]
        return last[1]

    def __call__(self, word: str) -> tuple[int, ...]:
        """Pieces of one word; none where its characters are all dropped by normalisation."""
        pieces = self._pieces.get(word)
        if pieces is None:
            found = self._tokenizer.encode(word, add_special_tokens=False).ids
            pieces = tuple(self.ids.unknown if i in self._special else i for i in found)
            if len(word) <= CACHED_LENGTH and len(self._pieces) < CACHED_WORDS:
                self._pieces[word] = pieces
        return pieces
