"""User-supplied posts, for `predict`: JSON lines in, entities and quintuples out.

    {"id": 7, "text": "...", "image": "a.jpg", "depth": "a.npz",
     "objects": [[0.1, 0.2, 0.5, 0.9], {"box": [...], "class": "person", "score": 0.9}]}

or `tokens`, a list of words, in place of `text`, which may bring its parse: `"parse": {"heads":
[...], "dependencies": [...], "pos": [...]}` (`graphs.trees.Parse`). Answers have offsets in
characters for `text`, in words for `tokens`. In a file of posts, pictures are named relative to its
folder. Everything but `text` or `tokens` may be left out. Of many objects those with the highest
scores are read, the largest where one has no score; a picture without objects is one object, the
whole of it. Objects and depth without a picture are refused, as there is nothing to see of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.boxes import check_box
from remote_jax.data.jsonl import show
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import (
    OBJECT_KEYS,
    POST_KEYS,
    Id,
    Values,
    check_keys,
    checked,
    items,
    text_of,
    words,
)
from remote_jax.eega import answers
from remote_jax.eega.answers import Quintuples
from remote_jax.eega.data import parses
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.examples import Example
from remote_jax.eega.data.features import Features
from remote_jax.eega.data.objects import whole_picture
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import trees, visual_graph
from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.graphs.visual_graph import VisualGraph
from remote_jax.eega.quintuples import Entity, Vocabulary
from remote_jax.eega.settings import Inputs
from remote_jax.eega.tags import Priors
from remote_jax.errors import Refused, UserError

PARSE = ("heads", "dependencies", "pos")
"""What a post's parse must have, a list each."""


@dataclass(frozen=True)
class Post:
    """A post: what the model reads, and how to write down its words; or an error.

    Attributes:
        id: as given.
        example: None where there is an error.
        starts, ends: of the words, in the unit of the answer.
        text: None where words were given.
    """

    id: Id = None
    example: Example | None = None
    starts: Sequence[int] = ()
    ends: Sequence[int] = ()
    text: str | None = None
    error: str = ""

    def place(self, entity: Entity) -> tuple[str, int, int]:
        """Name, start and end of an entity in the post."""
        start, end = self.starts[entity.start], self.ends[entity.end - 1]
        assert self.example is not None
        tokens = self.example.sentence.tokens[entity.start : entity.end]
        return " ".join(tokens) if self.text is None else self.text[start:end], start, end


class Posts:
    """Posts that are read and checked.

    Attributes:
        dataset: features of those that could be read, in the order of `answers`.
        buckets: what batches of it are cut to.
    """

    dataset: Mapped[Features]
    buckets: Buckets | None

    def __init__(
        self,
        posts: Sequence[Post],
        dataset: Mapped[Features],
        vocabulary: Vocabulary,
        priors: Priors,
        buckets: Buckets | None = None,
    ):
        self._posts, self.dataset, self.buckets = posts, dataset, buckets
        self._vocabulary, self._priors = vocabulary, priors

    def answers(self, outputs: Mapping[str, np.ndarray]) -> Iterator[Quintuples]:
        """What is in each post, or the error that kept it from being read.

        Args:
            outputs: of the model, for each of `dataset`.
        """
        decoded = answers.decode_outputs(outputs, self._vocabulary, self._priors) if outputs else ()
        found = iter(decoded)
        read = iter(outputs["words"].tolist() if outputs else ())
        for post in self._posts:
            if post.example is None:
                yield Quintuples(id=post.id, error=post.error)
                continue
            answer = answers.format_decoded(next(found), post.place, self._vocabulary)
            yield replace(answer, id=post.id, unread=len(post.starts) - next(read))


def read_posts(
    posts: Iterable[Values], media: PostMedia, corpus: CorpusStatistics, config: ConfigDict
) -> list[Post]:
    """Reads and checks every post.

    Args:
        posts: as the head of this file has them.
        media: finds their pictures.
        corpus: of the trained model.
        config: as it was trained with.
    """
    reader = _Reader(media, corpus, config)
    return reader.parsed(
        [
            Post(id_, error=found) if isinstance(found, str) else replace(found, id=id_)
            for id_, found in checked(posts, reader.post, POST_KEYS)
        ]
    )


class _Reader:
    """Checks posts."""

    def __init__(self, media: PostMedia, corpus: CorpusStatistics, config: ConfigDict):
        self.media, self.data, self.inputs = media, config.data, Inputs.from_config(config)
        self.relations = corpus.relations
        self.classes = {name: number for number, name in enumerate(corpus.classes)}

    def post(self, value: Mapping[str, Any]) -> Post:
        """A post, without a parse unless it brings one.

        Raises:
            Refused: something in it is wrong.
        """
        tokens, starts, ends = words(value, self.data.language)
        image = self.media.find(value, "image") if self.inputs.picture else ""
        brought = self._parse(value, len(tokens)) if self.inputs.parse else None
        example = Example(Sentence(tokens, image), brought, self._graph(value, image))
        return Post(None, example, starts, ends, value.get("text"))

    def parsed(self, posts: Sequence[Post]) -> list[Post]:
        """The posts with parses by spaCy where they brought none and the model reads them."""
        waiting = [
            post.example.sentence.tokens
            for post in posts
            if self.inputs.parse and post.example and post.example.parse is None
        ]
        if not waiting:
            return list(posts)
        found = iter(self._parses(waiting))
        return [
            _with_parse(post, next(found)) if post.example and not post.example.parse else post
            for post in posts
        ]

    def _parses(self, sentences: Sequence[Sequence[str]]) -> list[Parse | Refused]:
        """Parses by spaCy; where it cannot be used, why, for each sentence."""
        try:
            return parses.fresh(self.data.pipeline, sentences)
        except UserError as error:
            return [Refused(str(error).rstrip("."))] * len(sentences)

    def _parse(self, value: Mapping[str, Any], count: int) -> Parse | None:
        given = value.get("parse")
        if given is None:
            return None
        if "tokens" not in value:
            raise Refused("'parse' goes with 'tokens', whose words it is of")
        parts: list[Any] = [None]
        if isinstance(given, Mapping):
            check_keys(given, PARSE, "'parse'")
            parts = [given.get(key) for key in PARSE]
        kinds = (int, str, str)
        if not all(
            isinstance(part, list | tuple) and all(type(one) is kind for one in part)
            for part, kind in zip(parts, kinds, strict=False)
        ):
            raise Refused(f"'parse' must have lists {', '.join(PARSE)}, found {show(given)}")
        heads, dependencies, pos = parts
        if any(abs(head) >= 2**31 for head in heads):
            raise Refused(f"'parse' has a head of 32 bits and more, found {show(heads)}")
        return trees.check(Parse(np.array(heads, np.int32), tuple(dependencies), tuple(pos)), count)

    def _graph(self, value: Mapping[str, Any], image: str) -> VisualGraph:
        """The graph of a post's picture: of the objects it names, or of the whole of it."""
        size = self.data.max_objects
        if not image:
            unseen = [key for key in ("objects", "depth") if _given(value.get(key))]
            if unseen and self.inputs.picture:
                raise Refused(f"{unseen[0]!r} needs 'image', the picture that it is of")
            return visual_graph.empty(size)
        found = [self._object(item, place) for place, item in enumerate(items(value, "objects"))]
        depth = self.media.find(value, "depth")
        if not found:
            return whole_picture(size)
        boxes, classes, scores = (np.array(part) for part in zip(*found, strict=True))
        return visual_graph.build(
            boxes,
            scores if np.isfinite(scores).all() else None,
            self.media.depth(depth) if depth else None,
            labels=classes,
            relations=self.relations,
            size=size,
        )

    def _object(self, item: object, place: int) -> tuple[Sequence[float], int, float]:
        """An object's box, class and score; that is NaN where it has none."""
        what = f"object {place}"
        if not isinstance(item, Mapping):
            return check_box(item, what), 0, math.nan
        check_keys(item, OBJECT_KEYS, what)
        name, score = text_of(item, "class", what), item.get("score")
        score = math.nan if score is None else score
        number = self.classes.get(name) if name else 0
        if number is None:
            raise Refused(f"the class of {what} is {show(name)}, which training has not seen")
        if type(score) not in (int, float) or math.isinf(score):
            raise Refused(f"the score of {what} must be a finite number, found {show(score)}")
        box = check_box(item.get("box"), f"the box of {what}")
        return box, number, float(score)


def _given(value: object) -> bool:
    """Whether there is something under a key of a post."""
    return value is not None and not (isinstance(value, list | tuple) and not value)


def _with_parse(post: Post, found: Parse | Refused) -> Post:
    assert post.example is not None
    if isinstance(found, Refused):
        return replace(post, example=None, error=f"{found}.")
    return replace(post, example=replace(post.example, parse=found))
