"""The pairs of a split with what tells posts, ends and pictures apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from remote_jax.data.files import same_content
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.pairs import WHOLE_PICTURE, Argument, Named, Pair, Span, named

Post = tuple[tuple[str, ...], str]
"""Words, and the picture's name."""

End = Span | Named
"""An entity's words, or an object's name and box."""


@dataclass(frozen=True)
class Rows:
    """The listed pairs of a split.

    Attributes:
        same: for the file of each picture the first one with the same content.
    """

    pairs: list[Pair]
    same: Mapping[str, str]

    @cached_property
    def posts(self) -> list[Post]:
        """The post of each pair."""
        return [(pair.tokens, pair.img_id) for pair in self.pairs]

    @cached_property
    def ends(self) -> list[tuple[End, End]]:
        """Head and tail of each pair."""
        return [(_end(pair, pair.head), _end(pair, pair.tail)) for pair in self.pairs]

    @cached_property
    def asked(self) -> list[tuple[Post, End, End]]:
        """Post, head and tail of each pair."""
        return [(post, *ends) for post, ends in zip(self.posts, self.ends, strict=True)]

    @property
    def pictures(self) -> set[str]:
        """Pictures that rows name: their files, or names where there is none."""
        return {pair.image or pair.img_id for pair in self.pairs if pair.img_id}

    @property
    def absent(self) -> set[str]:
        """Names of pictures without a file."""
        return {pair.img_id for pair in self.pairs if pair.img_id and not pair.image}

    @property
    def contents(self) -> set[str]:
        """The same, those with equal content once."""
        return {self.same.get(picture, picture) for picture in self.pictures}

    @cached_property
    def objects(self) -> dict[str, set[Named]]:
        """Objects of each picture that has some, those that only one row knows of included."""
        found: dict[str, set[Named]] = {}
        met: set[object] = set()
        for pair in self.pairs:
            picture = pair.image or pair.img_id
            known = (picture, pair.objects, pair.boxes.tobytes())
            if picture and known not in met:
                met.add(known)
                some = (named(pair, number) for number in range(len(pair.objects)))
                found.setdefault(picture, set()).update(x for x in some if x[0] != WHOLE_PICTURE)
        return {picture: some for picture, some in found.items() if some}

    @cached_property
    def entities(self) -> dict[Post, set[Span]]:
        """The entities of each post that a pair names."""
        found: dict[Post, set[Span]] = {post: set() for post in self.posts}
        for post, pair in zip(self.posts, self.pairs, strict=True):
            found[post].update(x.span for x in (pair.head, pair.tail) if x.span is not None)
        return found

    @property
    def facts(self) -> Iterable[tuple[str, str, int]]:
        """Names and relation of related pairs of two entities."""
        for pair in self.pairs:
            if pair.label > 0 and pair.head.span and pair.tail.span:
                yield pair.head.name.lower(), pair.tail.name.lower(), pair.label


def read(data: PairDataset) -> dict[str, Rows]:
    """The rows of every split.

    Raises:
        UserError: a split has no pair of the chosen types, or a picture cannot be read.
    """
    pairs = {split: data.listed(split) for split in data.splits}
    images = (pair.image for some in pairs.values() for pair in some if pair.image)
    same = same_content(data.root, images)
    return {split: Rows(some, same) for split, some in pairs.items()}


def _end(pair: Pair, argument: Argument) -> End:
    return argument.span if argument.span is not None else named(pair, argument.object)
