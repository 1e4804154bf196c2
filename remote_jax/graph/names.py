"""Names as strangers write them: made safe to show, compared, and abbreviated."""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"
"""Zero-width characters that belong to the spelling of some scripts and to emoji."""

POSSESSIVE = re.compile(r"['\u2019]s$")
APOSTROPHES = "'\u2019\u02bc"
BLANK = ("P", "Z", "Cc", "Cf", "So", "Sk")
"""Categories of Unicode, or their first letters, that do not count in a comparison."""

SHOWN = 200
"""Characters of a name or a sentence that a person is shown."""

MAX_WORDS = 8
"""Words of the longest name that is abbreviated."""


def clean(text: str) -> str:
    """Text in one line, without control characters and marks of direction.

    Never empty: of a text without a visible character the escapes are given, as `\\u0000`.
    """
    found = text
    if not text.isprintable():
        found = "".join(x if x.isprintable() or x in JOINERS else " " for x in text)
    found = " ".join(found.split())
    if not found.strip(JOINERS + " "):
        found = "".join(f"\\u{ord(x):04x}" for x in text[:SHOWN])
    return found


def shown(text: str, limit: int = SHOWN) -> str:
    """The beginning of a text."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class _Letters(dict[int, str]):
    """What each character counts as in a comparison; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        category = unicodedata.category(letter)
        if letter in APOSTROPHES:
            found = ""
        else:
            found = " " if category in BLANK or category[0] in BLANK else letter
        self[code] = found
        return found


_LETTERS = _Letters()


def key(name: str) -> str:
    """What two spellings of a name have in common.

    Compatibility forms (NFKC), case, punctuation, the sign of a hashtag or a handle, a possessive
    `'s` and the dots of `U.S.` do not count. A name of nothing else is its own key.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).strip())
    words = text.translate(_LETTERS).split()
    if len(words) > 1 and all(len(word) == 1 for word in words):
        words = ["".join(words)]
    return " ".join(words) or text or name


def is_tag(name: str) -> bool:
    """Whether a name is a hashtag or a handle, whose words may be written together."""
    return name.startswith(("#", "@"))


def abbreviations(key: str) -> set[str]:
    """What a person of this name may be called: the surname alone, or with initials before it.

    None where the name has one word, or is abbreviated itself.
    """
    words = key.split()
    if not 2 <= len(words) <= MAX_WORDS or any(len(word) == 1 for word in words):
        return set()
    *given, surname = words
    initials = [word[0] for word in given]
    return {surname, f"{initials[0]} {surname}", " ".join([*initials, surname])}


def acronym(key: str) -> str:
    """The first letters of a name of several words; "" of another."""
    words = key.split()
    return "".join(word[0] for word in words) if 2 <= len(words) <= MAX_WORDS else ""


def is_acronym(name: str) -> bool:
    """Whether a name is of capitals alone, as `UN` or `U.N.`."""
    letters = "".join(filter(str.isalnum, name))
    return 2 <= len(letters) <= MAX_WORDS and letters.isupper()
