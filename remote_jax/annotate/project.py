"""A folder that is labelled: its posts, its vocabulary, its people, and what they change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from remote_jax.annotate import vocabulary as vocabularies
from remote_jax.annotate.ends import (
    END,
    Layer,
    Relation,
    Value,
    check_entity,
    check_object,
    item_of,
)
from remote_jax.annotate.layers import Layers
from remote_jax.annotate.posts import Post, read_posts
from remote_jax.annotate.store import FILE as LABELS
from remote_jax.annotate.store import Batch, Edit, Store, Values
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.data.jsonl import check_text, show
from remote_jax.errors import Refused, UserError, nearest

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
BATCH = re.compile(r"[0-9a-z]{8,64}")
MAX_EDITS = 2_000
"""Most changes at once, and most ends of a post."""


class Project:
    """Everything that is known of a folder; safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        *,
        new: bool = False,
        vocabulary: Vocabulary | None = None,
        posts: tuple[Post, ...] | None = None,
    ):
        """Reads the posts and opens the labels.

        Args:
            new: whether to make the file of labels where there is none.
            vocabulary: of the folder; it is read if it is not given.
            posts: likewise.

        Raises:
            UserError: something in the folder is missing or malformed, or a post has labels and is
                not what it was when it got them.
        """
        self.folder = folder
        self.vocabulary = vocabulary or vocabularies.required(folder)
        self.posts = posts or read_posts(folder)
        self.store = Store(folder, new=new)
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        digests = self.store.digests()
        for post in self.posts:
            if digests.pop(post.id, post.digest) != post.digest:
                raise UserError(
                    f"The post {post.id!r} has labels in {self.folder / LABELS}, but its text, "
                    "entities or objects are not what they were: give it a new id."
                )
        if digests:
            raise UserError(
                f"{self.folder / LABELS} has labels of {len(digests):,} posts that are not in "
                f"posts.jsonl, such as {next(iter(digests))!r}: put them back."
            )

    @cached_property
    def by_id(self) -> dict[str, Post]:
        """Posts by their ids."""
        return {post.id: post for post in self.posts}

    @property
    def now(self) -> Layers:
        """What people say, read when it is asked for."""
        return Layers(self.vocabulary, self.store.people(), self.store.values)

    def loaded(self) -> Layers:
        """What people say at this moment, of all posts at once."""
        people = self.store.people()
        values = {name: self.store.all_values(name) for name in people}
        return Layers(self.vocabulary, people, lambda person, post: values[person].get(post, {}))

    def change(
        self, person: str, post: Post, batch: str, values: Sequence[Mapping[str, Any]]
    ) -> None:
        """Changes items of a post, all or none; it is on the disk when this returns.

        Args:
            batch: a name drawn by who asks, so that asking twice is the same as once.
            values: `{"item", "value"}` of each; a value of None takes the item away.

        Raises:
            Refused: one of them is wrong.
        """
        _check_batch(batch)
        if not 0 < len(values) <= MAX_EDITS:
            raise Refused(f"there are {len(values):,} changes, expected 1 to {MAX_EDITS:,}")

        layers = self.now

        def make(now: Values, _: list[Batch]) -> tuple[None, list[Edit]]:
            layer, edits = layers.changed(person, post, now), []
            for one in values:
                item, value = self._check(one, post, layer)
                before = layer.value(item)
                layer = layer.with_values({item: value})
                if value != before:
                    edits.append(Edit(item, _plain(before), _plain(value)))
            if len(layer.ends) > MAX_EDITS:
                raise Refused(f"a post has at most {MAX_EDITS:,} entities and objects")
            return None, edits

        self.store.append(person, (post.id, post.digest), batch, make)

    def undo(self, person: str, post: Post, batch: str, undoes: str) -> None:
        """Takes back what a person did to a post last, which must be the batch that is named.

        Raises:
            Refused: it is not the last that is not taken back yet.
        """
        _check_batch(batch)

        def make(_: Values, batches: list[Batch]) -> tuple[str, list[Edit]]:
            last = last_done(batches)
            if last is None or last.name != undoes:
                raise Refused("this is not the last change that can be undone")
            return undoes, [Edit(one.item, one.after, one.before) for one in reversed(last.edits)]

        self.store.append(person, (post.id, post.digest), batch, make)

    def _check(self, one: Mapping[str, Any], post: Post, layer: Layer) -> tuple[str, Value | None]:
        """The item and the value of a change."""
        item, value = check_text(one.get("item"), "the item"), one.get("value")
        ends = item.split(" ")
        named = all(END.fullmatch(end) for end in ends) and ends == sorted(set(ends))
        if not named or len(ends) > 2:
            raise Refused(f"the item must be an end or a pair of ends, found {show(item)}")
        if value is None:
            return item, None
        if not isinstance(value, Mapping):
            raise Refused(f"the value of {item} must be an object, found {show(value)}")
        if len(ends) == 2:
            return item, self._check_relation(item, value, layer)
        if item.startswith("e"):
            found: Value = check_entity(value, item, post.starts, post.ends)
        elif not post.image:
            raise Refused("the post has no picture, so it has no objects")
        else:
            found = check_object(value, item)
        kind, types = found.to_dict()["type"], self.vocabulary.types
        if kind and kind not in types:
            known = ", ".join(types)
            raise Refused(f"the type {show(kind)} is none of {known}{nearest(kind, types)}")
        return item, found

    def _check_relation(self, item: str, value: Mapping[str, Any], layer: Layer) -> Relation:
        head = check_text(value.get("head"), f"the head of {item}")
        tail = check_text(value.get("tail"), f"the tail of {item}")
        if item_of(head, tail) != item:
            raise Refused(f"head and tail of {item} are {show(head)} and {show(tail)}")
        for end in (head, tail):
            if end not in layer.ends:
                raise Refused(f"the post has no {end}")
        relation = check_text(value.get("relation"), f"the relation of {item}")
        known = self.vocabulary.relations
        if relation not in known:
            raise Refused(
                f"the relation {show(relation)} is not one of the {len(known)} of the vocabulary"
                f"{nearest(relation, known)}"
            )
        return Relation(head, tail, relation)


def _plain(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else value.to_dict()


def last_done(batches: Sequence[Batch]) -> Batch | None:
    """The last batch that is not taken back and takes none back itself."""
    done: list[Batch] = []
    for batch in batches:
        if batch.undoes is None:
            done.append(batch)
        elif done and done[-1].name == batch.undoes:
            done.pop()
    return done[-1] if done else None


def check_name(name: str) -> None:
    """Raises a UserError unless a person can be called so: names are parts of addresses."""
    if not NAME.fullmatch(name):
        raise UserError(f"A name is of 1 to 32 letters, digits, _ and -, found {name!r}.")


def _check_batch(batch: object) -> None:
    if not isinstance(batch, str) or not BATCH.fullmatch(batch):
        raise Refused(f"'batch' must be 8 to 64 letters and digits, found {show(batch)}")
