"""Untrusted input, one dict per line (JSON or a Python literal), parsed without evaluating it."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from remote_jax.errors import Refused, reason

MAX_LINE = 2**20
"""Longest line that is parsed, in bytes."""
MAX_DEPTH = 32
MAX_TEXT = 20_000
"""Longest name, caption or sentence, in characters."""

MANY = ": of several write each on a line of its own"

# Each alternative also ends with the text, so that an open quote costs one pass, not one a quote.
STRING = re.compile(
    r"'[^'\\]*(?:\\(?:.|\Z)[^'\\]*)*(?:'|\Z)" r'|"[^"\\]*(?:\\(?:.|\Z)[^"\\]*)*(?:"|\Z)', re.DOTALL
)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
WORD = re.compile(r"None|True|False|null|true|false|-?NaN|-?Infinity|-?nan|-?inf")
LONG_NUMBER = re.compile(r"\d{64}")
ADJACENT = re.compile(r"[s0w]\s*[s0w]")


def parse(line: bytes) -> dict[str, Any]:
    """The dict that a line of JSON or a Python literal writes down.

    Before a parser sees it, everything but strings must be numbers, commas, colons, a few words
    and at most `MAX_DEPTH` open brackets: no expression, and nothing that exhausts a parser.

    Raises:
        Refused: it is not that.
    """
    try:
        text = line.decode().strip()
    except UnicodeDecodeError as error:
        raise Refused(f"the line is not UTF-8: {error.reason} at byte {error.start}") from error
    _check_shape(text)
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
            raise Refused(
                f"the line is neither JSON nor a Python literal: {reason(error)}"
            ) from error
    if not isinstance(value, dict):
        what = f"the line is a {type(value).__name__}, expected a dict"
        raise Refused(what + MANY * (type(value) in (list, tuple, set)))
    return value


def _check_shape(text: str) -> None:
    skeleton = STRING.sub("s", text)
    if LONG_NUMBER.search(skeleton):
        raise Refused("the line has a number of 64 digits or more")
    skeleton = WORD.sub("w", NUMBER.sub("0", skeleton))
    if odd := re.search(r"[^\ss0w,:()\[\]{}]", skeleton):
        raise Refused(f"the line is not plain data: found {odd[0]!r} outside of a string")
    if ADJACENT.search(skeleton):
        raise Refused("the line is not plain data: two values follow each other without a comma")
    depth = 0
    for bracket in re.findall(r"[()\[\]{}]", skeleton):
        depth += 1 if bracket in "([{" else -1
        if depth > MAX_DEPTH:
            raise Refused(f"the line nests more than {MAX_DEPTH} brackets")


def check_text(value: object, what: str) -> str:
    """`value` if it is valid text of at most `MAX_TEXT` characters, and not empty."""
    if not isinstance(value, str):
        raise Refused(f"{what} must be text, found {show(value)}")
    if not value:
        raise Refused(f"{what} is empty")
    if len(value) > MAX_TEXT:
        raise Refused(f"{what} has {len(value):,} characters, expected at most {MAX_TEXT:,}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Refused(f"{what} is not valid Unicode: {error.reason}") from error
    return value


def show(value: object) -> str:
    """`value` as an error shows it: its first 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
