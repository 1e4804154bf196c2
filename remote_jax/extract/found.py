"""What the answers to a post amount to: its mentions, and the triplets between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from remote_jax.data.boxes import check_box
from remote_jax.data.extracted import ExtractedPost, Mention, Triplet
from remote_jax.data.posts import items, text_of
from remote_jax.data.words import word_places
from remote_jax.eega.answers import Quintuples
from remote_jax.remote.answers import Argument, EntityArgument, ObjectArgument, Relations

DIGITS = 6
"""Of a probability."""

Key = tuple[int, int] | int
"""The span of an entity in characters, or the number of an object."""


class FoundInPost:
    """Gathers mentions and triplets of one post.

    Entities come in the order in which they were given or found, then objects. Of a triplet that
    is found twice the greater probability counts.
    """

    def __init__(self, values: Mapping[str, Any]):
        """Takes a post that was read without an error: its spans and boxes are right."""
        self._words, self.text = _words(values)
        self._mentions: dict[Key, Mention] = {}
        self._objects = {
            number: _object(item) for number, item in enumerate(items(values, "objects"))
        }
        self._triplets: dict[tuple[Key, Key, str], float] = {}

    def add_entities(self, given: Sequence[Any]) -> None:
        """The entities that a post came with."""
        for item in given:
            if isinstance(item, Mapping):
                kind = text_of(item, "type", "an entity").lower()
                self._entity(item["start"], item["end"], kind)
            else:
                self._entity(*item)

    def add_quintuples(self, found: Quintuples) -> None:
        """What EEGA found."""
        for one in found.entities:
            self._entity(one.start, one.end, one.type)
        for pair in found.quintuples:
            head, tail = (
                self._entity(one.start, one.end, one.type) for one in (pair.head, pair.tail)
            )
            self._add(head, tail, pair.relation, pair.probability)

    def add_relations(self, found: Relations) -> None:
        """What REMOTE answered."""
        for one in found.relations:
            head, tail = self._argument(one.head), self._argument(one.tail)
            self._add(head, tail, one.relation, one.probability)

    def post(self, id_: str, image: str | None, date: str | None) -> ExtractedPost:
        """All of it, the likeliest triplets first."""
        keys: list[Key] = [*self._mentions, *self._objects]
        places = {key: place for place, key in enumerate(keys)}
        triplets = [
            Triplet(places[head], places[tail], relation, round(probability, DIGITS))
            for (head, tail, relation), probability in self._triplets.items()
        ]
        return ExtractedPost(
            id=id_,
            text=self.text,
            image=image,
            date=date,
            mentions=(*self._mentions.values(), *self._objects.values()),
            triplets=tuple(sorted(triplets, key=lambda one: -one.probability)),
        )

    def _argument(self, end: Argument) -> Key:
        if isinstance(end, ObjectArgument):
            return end.object
        assert isinstance(end, EntityArgument)
        return self._entity(end.start, end.end)

    def _entity(self, start: int, end: int, kind: str = "") -> Key:
        """The key of an entity, whose span is in characters or words as the post has it."""
        span = (start, end)
        if self._words:
            span = self._words[start][0], self._words[end - 1][1]
        if span not in self._mentions:
            self._mentions[span] = Mention(self.text[slice(*span)], kind, span=span)
        elif kind and not self._mentions[span].type:
            self._mentions[span] = Mention(self._mentions[span].name, kind, span=span)
        return span

    def _add(self, head: Key, tail: Key, relation: str, probability: float) -> None:
        key = head, tail, relation
        self._triplets[key] = max(probability, self._triplets.get(key, 0.0))


def _words(values: Mapping[str, Any]) -> tuple[list[tuple[int, int]], str]:
    """Where each word of `tokens` is in the text that they make; none where there is a text."""
    if "text" in values:
        return [], values["text"]
    return word_places(values["tokens"]), " ".join(values["tokens"])


def _object(item: Any) -> Mention:
    if not isinstance(item, Mapping):
        return Mention("", box=check_box(item, "the box"))
    caption, label, kind = (text_of(item, key, "an object") for key in ("caption", "class", "type"))
    return Mention(caption or label, kind.lower(), box=check_box(item.get("box"), "the box"))
