"""What is extracted from a sentence: entities with a type, and relations between two of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class Entity:
    """The words [start, end) of a sentence, and an index in `Vocabulary.types`."""

    start: int
    end: int
    type: int

    def overlaps(self, other: Entity) -> bool:
        """Whether the two share a word."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, order=True)
class Quintuple:
    """(entity, type, entity, type, relation), the relation an index in `Vocabulary.relations`."""

    head: Entity
    tail: Entity
    relation: int


@dataclass(frozen=True)
class Labels:
    """All of a sentence: every entity, those in no quintuple included."""

    entities: frozenset[Entity] = frozenset()
    quintuples: frozenset[Quintuple] = frozenset()

    @classmethod
    def from_quintuples(
        cls, quintuples: Iterable[Quintuple], entities: Iterable[Entity] = ()
    ) -> Labels:
        """Quintuples with their entities, and more entities."""
        kept = frozenset(quintuples)
        ends = (entity for quintuple in kept for entity in (quintuple.head, quintuple.tail))
        return cls(frozenset((*ends, *entities)), kept)


@dataclass(frozen=True)
class Vocabulary:
    """Names of entity types and relations, and the tags of the paper's word pairs: N, T and R.

    Tag 0 is N, no relation; tags from 1 are types, those from `first_relation` relations.
    """

    types: tuple[str, ...]
    relations: tuple[str, ...]

    @cached_property
    def first_relation(self) -> int:
        """The tag of the first relation."""
        return 1 + len(self.types)

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Names of tags, by tag."""
        return ("none", *self.types, *self.relations)
