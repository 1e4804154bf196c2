"""The rows of a file that is one JSON list, each cut out before anything is parsed.

So a row that no parser should meet, or that is malformed, costs itself and not the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from remote_jax.data.jsonl import MAX_LINE, STRING
from remote_jax.errors import Refused

TOKEN = re.compile(STRING.pattern.encode() + rb"|[()\[\]{},]", re.DOTALL)
START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")


def list_items(content: bytes) -> Iterator[bytes | Refused]:
    """What stands between the commas of a list; `Refused` in place of one over `MAX_LINE` bytes.

    Raises:
        Refused: it is no list, or does not end where the list does.
    """
    opening = START.match(content)
    if opening is None:
        raise Refused("it is not a JSON list of rows")
    depth, start, number = 1, opening.end(), 0
    for token in TOKEN.finditer(content, start):
        mark = token[0]
        if mark in (b"[", b"{", b"("):
            depth += 1
        elif mark in (b"]", b"}", b")"):
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            element = content[start : token.start()].strip()
            number += 1
            if element or depth or number > 1:
                long = len(element) > MAX_LINE
                yield Refused(f"the row is longer than {MAX_LINE:,} bytes") if long else element
            start = token.end()
        if depth == 0:
            if content[start:].strip():
                raise Refused(f"the list ends after row {number}, but the file goes on")
            return
    raise Refused(f"the list does not end: it is cut off or unbalanced in row {number + 1}")
