"""Words of a sentence and spans of them, from untrusted input."""

from __future__ import annotations

from remote_jax.data.jsonl import check_text, show
from remote_jax.errors import Refused

MAX_WORDS = 2000
"""Most words of a sentence."""


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
