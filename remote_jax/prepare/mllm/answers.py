"""Reads what a multimodal LLM wrote: untrusted text, of which only checked values are kept."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from remote_jax.data.jsonl import check_text, show
from remote_jax.errors import Refused, reason
from remote_jax.prepare.step import Unparsed

MAX_ANSWER = 100_000
"""Longest answer that is read, in characters."""

MAX_LISTED = 200
"""Most items of a list in an answer that are looked at."""

MAX_NAME = 120
MAX_CAPTION = 500
"""Longest name and longest caption, in characters."""

FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
"""JSON as models write it that no schema holds."""

MARKUP = re.compile(r"<\s*[/!?a-zA-Z]|\[/?[A-Z]{2,}\d*\]|&#?\w+;")
"""Tags, markers of a model such as [SEP] or [OBJ0], and entities of HTML."""

FORBIDDEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
"""Categories of Unicode without a letter to see: controls, directions, private use, surrogates."""

JOINERS = "\u200c\u200d"
"""Of those, what Persian, Indic scripts and emoji are written with."""


def read_answer(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The object of JSON in an answer as `Client.answer` gives it.

    Raises:
        Unparsed: there is none.
    """
    text = answer.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Unparsed(f"the answer is empty ({show(answer.get('finish'))})")
    if len(text) > MAX_ANSWER:
        raise Unparsed(f"the answer has {len(text):,} characters, expected at most {MAX_ANSWER:,}")
    if fenced := FENCED.fullmatch(text):
        text = fenced[1]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        cut = "; it was cut off, see --max-tokens" if answer.get("finish") == "length" else ""
        raise Unparsed(f"the answer is not JSON: {reason(error)}{cut}") from error
    if not isinstance(value, dict):
        raise Unparsed(f"the answer is {show(value)}, expected an object")
    return value


def listed(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The list under a key of an answer, its first `MAX_LISTED` items.

    Raises:
        Unparsed: there is none.
    """
    found = value.get(key)
    if not isinstance(found, list):
        raise Unparsed(f"{key!r} of the answer is {show(found)}, expected a list")
    return found[:MAX_LISTED]


def entry(value: object, what: str) -> Mapping[str, Any]:
    """An item of a list if it is an object; raises `Refused` else."""
    if not isinstance(value, dict):
        raise Refused(f"{what} is {show(value)}, expected an object")
    return value


def plain_text(value: object, what: str, most: int) -> str:
    """A text of one line without markup or anything that cannot be seen.

    Blanks, tabs and ends of lines become one blank each.

    Raises:
        Refused: it is none, or too long.
    """
    text = " ".join(check_text(value, what).split())
    if not text:
        raise Refused(f"{what} is blank")
    if len(text) > most:
        raise Refused(f"{what} has {len(text):,} characters, expected at most {most:,}")
    for letter in text:
        if unicodedata.category(letter) in FORBIDDEN and letter not in JOINERS:
            raise Refused(f"{what} has the control character U+{ord(letter):04X}")
    if found := MARKUP.search(text):
        raise Refused(f"{what} has markup, found {found[0]!r}")
    return text


def one_of(value: object, what: str, known: Sequence[str]) -> str:
    """A name of a vocabulary, in any case.

    Raises:
        Refused: it is none of it.
    """
    names = {name.casefold(): name for name in known}
    found = names.get(value.casefold()) if isinstance(value, str) else None
    if found is None:
        raise Refused(f"{what} is {show(value)}, expected one of {', '.join(known)}")
    return found
