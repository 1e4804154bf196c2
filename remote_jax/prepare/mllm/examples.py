"""Few-shot examples: the most similar posts of a support set whose labels are known (§4.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from remote_jax.data import posts as post_files
from remote_jax.errors import Refused, UserError
from remote_jax.prepare.mllm.answers import MAX_CAPTION, plain_text
from remote_jax.prepare.post import PreparedPost, read_post
from remote_jax.prepare.step import digest
from remote_jax.prepare.store import Store

EXAMPLES = 5
"""Examples of a question, unless another number is asked for (§4.1)."""

MAX_SUPPORT = 5_000
"""Most posts of a support set; the paper has 200."""


class Similarity(Protocol):
    """How similar posts are.

    Attributes:
        version: of the model that says so.
    """

    version: Mapping[str, Any]

    def features(self, posts: Sequence[PreparedPost]) -> Float[np.ndarray, "posts dim"]:
        """Features of posts; the similarity of two is their scalar product."""


class Support:
    """A support set, and for each post the most similar ones of it.

    Attributes:
        posts: those of the set.
        version: digest of the set, of what measures similarity, and the number of examples.
    """

    def __init__(self, path: Path, similarity: Similarity, store: Store, count: int = EXAMPLES):
        """Reads the file, JSON lines of posts with labels; `caption` is of the whole picture.

        Raises:
            UserError: a line is no such post, or there are none or too many.
        """
        self.posts = tuple(_read(path))
        if not 0 < len(self.posts) <= MAX_SUPPORT:
            raise UserError(f"{path} has {len(self.posts):,} posts, expected 1 to {MAX_SUPPORT:,}.")
        self._similarity, self._store, self._count = similarity, store, count
        self._features = similarity.features(self.posts)
        self.version: Mapping[str, Any] = {
            "posts": digest([_labels(post) for post in self.posts]),
            "similarity": dict(similarity.version),
            "count": count,
        }
        self._key = digest(self.version)

    def nearest(self, post: PreparedPost, among: Sequence[int]) -> list[PreparedPost]:
        """The most similar posts of the set, the most similar last, beside the post itself.

        Args:
            among: places in `posts` of those that may be taken.
        """
        picture = post.picture.digest if post.picture else None
        key = digest(["examples", self._key, post.text, picture])
        order, _ = self._store.once(key, lambda: {"order": self._order(post)})
        chosen = [i for i in order["order"] if i in set(among)][: self._count]
        return [self.posts[i] for i in reversed(chosen)]

    def _order(self, post: PreparedPost) -> list[int]:
        """Places of the posts of the set, the most similar first, without the post itself."""
        scores = self._features @ self._similarity.features([post])[0]
        order = np.argsort(-scores, kind="stable").tolist()
        return [i for i in order if self.posts[i].text != post.text]


def _read(path: Path) -> Iterator[PreparedPost]:
    for line, values in post_files.read(path):
        try:
            if isinstance(values, Refused):
                raise values
            caption = values.get("caption") or ""
            if caption:
                caption = plain_text(caption, "'caption'", MAX_CAPTION)
            rest = {key: value for key, value in values.items() if key != "caption"}
            yield replace(read_post(line, rest, path.parent), caption=caption)
        except Refused as error:
            raise UserError(f"{path}, line {line}: {error}.") from error


def _labels(post: PreparedPost) -> list[Any]:
    """What decides the example that a post makes."""
    return [
        post.name,
        [[one.start, one.end, one.type, one.caption] for one in post.entities],
        [[one.box, one.type, one.caption] for one in post.objects],
        post.caption,
    ]
