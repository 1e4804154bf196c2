"""Who says what of posts, from the changes of each person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from remote_jax.annotate.ends import Layer, Value, read_value
from remote_jax.annotate.merging import Merged, merge
from remote_jax.annotate.posts import Post
from remote_jax.annotate.store import ADJUDICATOR, ANNOTATOR, Values
from remote_jax.annotate.vocabulary import Vocabulary


@dataclass(frozen=True)
class Layers:
    """Layers of people.

    Attributes:
        people: the role of each.
        values: what a person changed of a post, by the id of the post.
    """

    vocabulary: Vocabulary
    people: Mapping[str, str]
    values: Callable[[str, str], Values]

    @property
    def annotators(self) -> tuple[str, ...]:
        """Who labels, by name."""
        return tuple(name for name in self.people if self.people[name] == ANNOTATOR)

    @property
    def adjudicator(self) -> str | None:
        """Who decides, if there is one."""
        return next((name for name in self.people if self.people[name] == ADJUDICATOR), None)

    def layer(self, person: str, post: Post) -> Layer:
        """What a person says of a post; what the adjudicator leaves is what all agree on."""
        return self.changed(person, post, self.values(person, post.id))

    def changed(self, person: str, post: Post, values: Values) -> Layer:
        """As `layer`, of values that are known."""
        found = read_values(values)
        if person != self.adjudicator:
            return post.base.with_values(found)
        merged = self.merged(post)
        return merged.agreed(self.vocabulary).with_values(merged.used(found))

    def merged(self, post: Post) -> Merged:
        """What the annotators say of a post."""
        return merge({name: self.layer(name, post) for name in self.annotators})

    def final(self, post: Post) -> Layer:
        """What all annotators agree on, and what the adjudicator decided."""
        if self.adjudicator is not None:
            return self.layer(self.adjudicator, post)
        return self.merged(post).agreed(self.vocabulary)


def read_values(values: Values) -> dict[str, Value | None]:
    """Values of items, from those of JSON."""
    return {
        item: None if value is None else read_value(item, value) for item, value in values.items()
    }
