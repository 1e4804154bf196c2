"""What a trained model found in posts (`remote-jax extract`), shown beside them and no label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remote_jax.annotate.ends import End, Entity, check_entity, check_object, item_of
from remote_jax.annotate.merging import OVERLAP
from remote_jax.annotate.posts import Post
from remote_jax.annotate.vocabulary import Vocabulary
from remote_jax.data.boxes import overlap
from remote_jax.data.extracted import ExtractedPost, Mention, read_extracted
from remote_jax.errors import Refused


@dataclass(frozen=True)
class Suggested:
    """What is suggested for a post.

    Attributes:
        ends: those that the post does not have, by identifiers `es0`, `os1` and so on.
        relations: head, tail, relation and probability, by items.
    """

    ends: Mapping[str, End] = field(default_factory=dict)
    relations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_suggestions(
    folder: Path, posts: Mapping[str, Post], vocabulary: Vocabulary
) -> tuple[dict[str, Suggested], list[str]]:
    """Suggestions by the id of the post, and a sentence on each thing that is passed over.

    Args:
        folder: of extracted posts.
        posts: those that are labelled, by their ids.

    Raises:
        UserError: the folder is malformed.
    """
    found: dict[str, Suggested] = {}
    passed = dict.fromkeys(("of other posts", "of other texts", "of unknown relations or types"), 0)
    for extracted in read_extracted(folder):
        post = posts.get(extracted.id)
        if post is None:
            passed["of other posts"] += 1
        elif post.text != extracted.text:
            passed["of other texts"] += 1
        else:
            found[post.id], unknown = _suggested(post, extracted, vocabulary)
            passed["of unknown relations or types"] += unknown
    return found, [f"{number:,} suggestions {why}" for why, number in passed.items() if number]


def _suggested(
    post: Post, extracted: ExtractedPost, vocabulary: Vocabulary
) -> tuple[Suggested, int]:
    """The suggestions for a post, and how many name what is not in the vocabulary."""
    known: list[str | None] = []
    added: dict[str, End] = {}
    unknown = 0
    for place, mention in enumerate(extracted.mentions):
        end, lost = _end(post, mention, vocabulary.types)
        unknown += lost
        item = None if end is None else _same(post.base.ends, end)
        if end is not None and item is None:
            item = f"{'e' if isinstance(end, Entity) else 'o'}s{place}"
            added[item] = end
        known.append(item)
    relations: dict[str, Mapping[str, Any]] = {}
    for triplet in sorted(extracted.triplets, key=lambda one: one.probability):  # the best stays
        head, tail = known[triplet.head], known[triplet.tail]
        if triplet.relation not in vocabulary.relations:
            unknown += 1
        elif head is not None and tail is not None and head != tail:
            relations[item_of(head, tail)] = {
                "head": head,
                "tail": tail,
                "relation": triplet.relation,
                "probability": triplet.probability,
            }
    return Suggested(added, relations), unknown


def _end(post: Post, mention: Mention, types: Sequence[str]) -> tuple[End | None, bool]:
    """A mention as an end of the post, and whether it has a type that is not known."""
    kind = mention.type.lower()
    value = {"type": kind if kind in types else "", "span": mention.span, "box": mention.box}
    try:
        if mention.span is not None:
            end = check_entity(value, "a mention", post.starts, post.ends)
            return end, kind not in ("", *types)
        if not post.image:
            return None, False
        return check_object({**value, "caption": mention.name}, "a mention"), False
    except Refused:
        return None, False


def _same(ends: Mapping[str, End], end: End) -> str | None:
    """The identifier of the end of a post that a suggested one is."""
    for item, other in ends.items():
        if isinstance(end, Entity) or isinstance(other, Entity):
            if isinstance(end, Entity) and isinstance(other, Entity) and end.span == other.span:
                return item
        elif overlap(end.box, other.box) >= OVERLAP:
            return item
    return None
