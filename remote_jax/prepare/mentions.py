"""Entities in a text: where a name stands in it, and what a tagger's labels are called here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from remote_jax.prepare.post import Candidate, Entity

TYPES = ("per", "org", "loc", "misc")
"""Types of UMRE, MORE, MNRE and JMERE."""

LABELS = {
    "per": ("per", "person"),
    "org": ("org", "organization", "organisation", "corporation", "company", "group"),
    "loc": ("loc", "location", "gpe", "fac", "facility", "geo-loc", "place"),
    "misc": (
        *("misc", "norp", "product", "event", "work_of_art", "law", "language"),
        *(
            "creative-work",
            "creative_work",
            "tvshow",
            "movie",
            "sportsteam",
            "musicartist",
            "other",
        ),
    ),
}
"""Labels of taggers, in lower case, by the type of those data sets: OntoNotes, CoNLL, WNUT."""

MAX_ENTITIES = 50
"""Most entities of a post."""


class Span(NamedTuple):
    """What a tagger finds: [start, end) in characters of a text, and its label."""

    start: int
    end: int
    label: str


def type_of(label: str, types: Sequence[str]) -> str | None:
    """The type that a tagger's label is, None if none of them.

    A label that is a type, in any case, is that one; else it is what the usual data sets call so.
    """
    known = {name.casefold(): name for name in types}
    label = label.casefold()
    if label in known:
        return known[label]
    for name, labels in LABELS.items():
        if label in labels:
            return known.get(name)
    return None


def search(name: str, text: str) -> tuple[int, int] | None:
    """The first place of a name in a text, no word cut; in any case if not in its own."""
    for flags in (0, re.IGNORECASE):
        words = r"\s+".join(map(re.escape, name.split()))
        if found := re.search(rf"(?<!\w){words}(?!\w)", text, flags):
            return found.span()
    return None


def without_overlaps(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Entities in the order of the text; of those that overlap the longest, then the first."""
    kept: list[Entity] = []
    for one in sorted(entities, key=lambda e: (e.start - e.end, e.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return tuple(sorted(kept[:MAX_ENTITIES], key=lambda e: e.start))


def mixed_text(text: str, candidates: Sequence[Candidate]) -> str:
    """A text with candidates and what is known of them behind it, for a tagger (REMOTE, §4.1).

    What a tagger finds is taken where it lies within the text itself.
    """
    if not candidates:
        return text
    told = (f"{one.name} ({one.type}): {one.description}".rstrip(": ") for one in candidates)
    return ". ".join([text.rstrip(), *told])
