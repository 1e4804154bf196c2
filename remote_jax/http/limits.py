"""What a request may ask for, and what all of them together may take."""

from __future__ import annotations

from dataclasses import dataclass

MAX_QUESTIONS = 64
"""Questions, posts or queries in a request."""

MAX_TOP = 100
"""Inferred answers to a question about a graph."""

MAX_CANDIDATES = 1000
"""Answers to a query for ROAM."""

MAX_STATEMENTS = 100
"""Posts that are given with an answer; a graph has no more."""

MAX_PAIRS = 10_000
"""Pairs of entities and objects in a request, both orders of one being two: REMOTE is asked about
each, and a post of 100 has 9,900."""

MAX_NAME = 1000
"""Characters of a name in a request, and of a word."""

MAX_PICTURE = 8 * 2**20
"""Bytes of a picture or a depth map."""

MAX_ALIASES = 20
"""Aliases that are given with an entity."""


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        seconds: until a request is told that it takes too long.
        requests: that are read, wait or are answered at a time; further ones are refused.
        body: bytes of a request. All of them together take some three times as much memory, times
            `requests`.
    """

    seconds: float = 30.0
    requests: int = 32
    body: int = 16 * 2**20
