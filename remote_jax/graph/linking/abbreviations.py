"""Which full name an alias, a surname, initials or an acronym stands for.

It does where exactly one name fits: the only one of its post, or else the only one of all posts.
Others stay apart, and are listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from remote_jax.graph.extraction import Extraction
from remote_jax.graph.linking.aliases import Aliases
from remote_jax.graph.linking.groups import Groups
from remote_jax.graph.names import abbreviations, acronym, is_acronym

PEOPLE = ("", "per", "person", "people")
"""Types, "" for one that is not known, whose names may be abbreviated to surnames and initials."""

ALIAS, ABBREVIATION = "alias", "abbreviation"
MAX_CANDIDATES = 100
"""Full names of an abbreviation that are looked at; one with more stands for none of them."""


@dataclass(frozen=True)
class Resolution:
    """What is known of abbreviations.

    Attributes:
        resolved: of each mention of an entity the group that it is an abbreviation of, or -1.
        why: of each group with candidates, `alias` or `abbreviation`.
        candidates: of each such group, the groups that it may stand for.
    """

    resolved: Int[np.ndarray, " n"]
    why: dict[int, str]
    candidates: dict[int, list[int]]


def resolve(
    extraction: Extraction,
    groups: Groups,
    aliases: Aliases,
    *,
    abbreviated: bool,
    apart: Iterable[tuple[int, int]] = (),
) -> Resolution:
    """What each mention stands for.

    Args:
        aliases: of a person's file; they count before abbreviations.
        abbreviated: whether abbreviations count at all.
        apart: pairs of groups that must not be joined.
    """
    found = {one: (ALIAS, two) for one, two in _by_alias(extraction, groups, aliases).items()}
    if abbreviated:
        for one, two in _by_abbreviation(extraction, groups).items():
            found.setdefault(one, (ABBREVIATION, two))
    barred = {*apart} | {(two, one) for one, two in apart}
    candidates = {}
    for one, (_, several) in found.items():
        left = [two for two in sorted(several) if (one, two) not in barred]
        if left:
            candidates[one] = left
    resolved = _resolved(extraction, groups, candidates)
    return Resolution(resolved, {one: found[one][0] for one in candidates}, candidates)


def _by_alias(extraction: Extraction, groups: Groups, aliases: Aliases) -> dict[int, set[int]]:
    """The groups of the names that a person gives to aliases.

    Aliases of a name that no post mentions stand for the first of them that one does.
    """
    place = {name: number for number, name in enumerate(extraction.types)}
    met: dict[tuple[str, str], list[int]] = {}
    found: dict[int, set[int]] = defaultdict(set)
    for alias in sorted(aliases.names):
        for name, kind in aliases.names[alias]:
            number = place.get(kind, -1) if kind else None
            full = groups.find(name, number) or met.get((name, kind), [])
            short = groups.find(alias, number)
            met.setdefault((name, kind), short)
            for one in short:
                found[one] |= {two for two in full if two != one and groups.compatible(one, two)}
    return found


def _by_abbreviation(extraction: Extraction, groups: Groups) -> dict[int, set[int]]:
    """The groups of full names that abbreviations fit."""
    people = {place for place, name in enumerate(extraction.types) if name in PEOPLE}
    full: dict[str, list[int]] = defaultdict(list)
    capitals: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(groups.keys):
        if groups.types[number] in people:
            for form in abbreviations(one):
                full[form].append(number)
        if form := acronym(one):
            capitals[form].append(number)
    written = {
        groups.of[place]
        for place in _first_of_names(extraction, groups)
        if is_acronym(extraction.names[extraction.mentions.name[groups.rows[place]]])
    }
    found: dict[int, set[int]] = {}
    for number, one in enumerate(groups.keys):
        fitting = full.get(one, []) if groups.types[number] in people else []
        fitting = fitting + (capitals.get(one, []) if number in written else [])
        if 0 < len(fitting) <= MAX_CANDIDATES:
            found[number] = {
                two for two in fitting if two != number and groups.compatible(number, two)
            }
    return found


def _first_of_names(extraction: Extraction, groups: Groups) -> list[int]:
    """A mention, among those of entities, of each name and group."""
    names = extraction.mentions.name[groups.rows]
    _, first = np.unique(np.stack([names, groups.of]), axis=1, return_index=True)
    return first.tolist()


def _resolved(
    extraction: Extraction, groups: Groups, candidates: dict[int, list[int]]
) -> Int[np.ndarray, " n"]:
    only = np.full(len(groups.keys), -1, np.int64)
    for one, several in candidates.items():
        if len(several) == 1:
            only[one] = several[0]
    resolved = only[groups.of]
    unsure = np.zeros(len(groups.keys), bool)
    unsure[[one for one, several in candidates.items() if len(several) > 1]] = True
    posts = extraction.mentions.post[groups.rows]
    for place in np.flatnonzero(unsure[groups.of]).tolist():
        first, last = np.searchsorted(posts, [posts[place], posts[place] + 1])
        beside = {*groups.of[first:last].tolist()}.intersection(candidates[groups.of[place]])
        if len(beside) == 1:
            (resolved[place],) = beside
    return resolved
