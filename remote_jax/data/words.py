"""Words of a sentence and spans of them, from untrusted input."""

from __future__ import annotations

import functools
import importlib.util
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remote_jax.data.jsonl import check_text, show
from remote_jax.errors import Refused, UserError

MAX_WORDS = 2000
"""Most words of a sentence."""

MAX_RUN = 1000
"""Most characters of a text between two blanks: spaCy's rules take the square of their number."""
RUN = re.compile(rf"\S{{{MAX_RUN + 1}}}")

SPLITTING = threading.Lock()
"""A vocabulary of spaCy forgets the words of one text at a time."""


def check_tokens(value: object, what: str) -> tuple[str, ...]:
    """`value` as words if it is a list of them, none blank."""
    if not isinstance(value, list | tuple):
        raise Refused(f"{what} must be a list of words, found {show(value)}")
    if not value:
        raise Refused(f"{what} is an empty list, expected at least one word")
    if len(value) > MAX_WORDS:
        raise Refused(f"{what} has {len(value):,} words, expected at most {MAX_WORDS:,}")
    words = tuple(check_text(word, f"word {i} of {what}") for i, word in enumerate(value))
    for i, word in enumerate(words):
        if word.isspace():
            raise Refused(f"word {i} of {what} is blank")
    return words


def check_span(value: object, what: str, length: int) -> tuple[int, int]:
    """`value` as [start, end) if that is not empty and within `length`."""
    if not isinstance(value, list | tuple) or [type(number) for number in value] != [int, int]:
        raise Refused(f"{what} must be [start, end), found {show(value)}")
    start, end = value
    if not 0 <= start < end <= length:
        raise Refused(f"{what} is [{start}, {end}), expected it within [0, {length}) and not empty")
    return start, end


def squash(name: str) -> str:
    """A name without blanks and case, to compare it with another way to write it."""
    return "".join(name.split()).casefold()


def word_places(words: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word is in the text of all, joined by blanks: [start, end) in characters."""
    found, start = [], 0
    for word in words:
        found.append((start, start + len(word)))
        start += len(word) + 1
    return found


def split_words(
    text: str, what: str, language: str
) -> tuple[tuple[str, ...], list[int], list[int]]:
    """The words of a text, as the blank tokenizer of spaCy finds them; the first and last place.

    Nothing but blanks is between two words. Published data sets of posts were cut by such rules:
    of the sentences of MNRE, joined by blanks, 99 % are cut as they were.

    Args:
        text: of any length that `check_text` lets through.
        what: names it in the error.
        language: one of `languages()`.

    Returns:
        The words, where each starts, and where each ends, in characters.

    Raises:
        Refused: it has no words, too many, or too long a run without a blank.
        UserError: spaCy or its tokenizer for the language is not there.
    """
    if RUN.search(text):
        raise Refused(
            f"{what} has more than {MAX_RUN:,} characters without a blank between them; "
            "cut it, or give 'tokens'"
        )
    nlp = _blank(language)
    with SPLITTING, nlp.memory_zone():  # or its vocabulary grows with each new word
        found = [(token.text, token.idx) for token in nlp.make_doc(text) if not token.is_space]
    if not 0 < len(found) <= MAX_WORDS:
        raise Refused(f"{what} has {len(found):,} words, expected 1 to {MAX_WORDS:,}")
    words, starts = zip(*found, strict=True)
    return words, list(starts), [start + len(word) for word, start in found]


def languages() -> list[str]:
    """The codes of the languages that spaCy has rules for; it is looked for, not imported.

    None where it is not installed: only a text asks for it.
    """
    spec = importlib.util.find_spec("spacy")
    places = spec.submodule_search_locations if spec else None
    files = [file for place in places or () for file in Path(place).glob("lang/*/__init__.py")]
    return sorted(file.parent.name for file in files)


def check_language(language: str) -> None:
    """Raises a UserError unless `language` is one of `languages()`, if there are any."""
    known = languages()
    if known and language not in known:
        raise UserError(
            f"config.data.language is {language!r}, expected the code of a language that spaCy has "
            f"a tokenizer for: {', '.join(known)}."
        )


@functools.lru_cache(maxsize=4)
def _blank(language: str) -> Any:
    """The pipeline of a language that only cuts texts into words; it needs no model."""
    check_language(language)
    try:
        import spacy  # half a second, and only posts with a text need it
    except ImportError as error:
        raise UserError(
            "The words of a text are found by spaCy, which is not installed: pip install spacy; "
            "or give 'tokens' in place of 'text'."
        ) from error
    try:
        return spacy.blank(language)
    except (ImportError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"spaCy's tokenizer for config.data.language={language} needs more: {reason}"
        ) from error
