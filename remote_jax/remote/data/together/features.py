"""The features of a post: what a model reads that answers all of its pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from remote_jax.data.batches.buckets import Padding, patches
from remote_jax.data.media import Pictures
from remote_jax.errors import UserError
from remote_jax.remote.data import features
from remote_jax.remote.data.dataset import triplet_types
from remote_jax.remote.data.features import Features, Featurizes, choose_objects
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Argument, Pair, Span, named
from remote_jax.remote.data.together.text import PostText, least_length, sequence

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AXES = {
    **features.AXES,
    **dict.fromkeys(
        ("markers", "places", "object", "pair_mask", "label", "weight", "row"), ("pairs",)
    ),
}

MARKERS = 4
"""Of a pair: opening and closing ones of its head and of its tail."""


class FeaturizeTogether(Featurizes):
    """Turns pairs of a post into the arrays that the model reads, one example, unbatched.

    Those of `features.Featurize` that are of the sentence and the picture; and with
    p = `data.max_pairs`:

        markers     int32 [p,4]     opening and closing markers of head and tail
        places      int32 [p,4]     positions in tokens of what each of them marks
        object      int32 [p,2]     places of head and tail in the o axis, -1 for an entity
        pair_mask   bool [p]        false: no pair
        label       int32 [p]       -1 if unknown
        weight      float32 [p]     of the pair in the loss
        row         int32 [p]       index of the pair in the split, -1 for no pair

    The text has the captions of all objects, where pairs of objects take part at all. Captions of
    entities are not read: nothing would say whose they are.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, config: ConfigDict):
        """As `Featurizes`.

        Raises:
            UserError: the tokenizer lacks a marker, or there is no room for the markers.
        """
        data = config.data
        shown = set(triplet_types(data.triplets)) != {TRIPLET_TYPES.index("ee")}
        self._told = data.max_objects if shown else 0
        if data.max_objects < 2 or data.max_tokens < 2 * least_length(self._told):
            raise UserError(
                f"config.data needs max_objects of at least 2 and max_tokens of at least "
                f"{2 * least_length(self._told)} for so many objects with model.pairs=shared, "
                f"found {data.max_objects} and {data.max_tokens}."
            )
        super().__init__(tokenizer, pictures, config)
        self._pairs = data.max_pairs

    @property
    def padding(self) -> Padding:
        """Which axes are padded."""
        return Padding(
            lengths={"tokens": self._tokens, "objects": self._objects, "pairs": self._pairs},
            costs={"tokens": 1.0, "objects": 2.0 * patches(self._crop), "pairs": float(MARKERS)},
            axes=AXES,
            masks=(*features.MASKS, "pair_mask"),
        )

    def filled(self, pairs: Sequence[Pair]) -> tuple[int, int, int]:
        """Word pieces, objects and pairs."""
        post = _Post(pairs, self._objects)
        text, objects = self._text(post), self._sights.count(post.first, len(post.captions))
        return int(text.mask.sum()), objects, len(pairs)

    def lost(self, pairs: Sequence[Pair]) -> int:
        """How many word pieces of a post's texts have no room."""
        return self._text(_Post(pairs, self._objects)).lost

    def needed(self, pairs: Sequence[Pair]) -> int:
        """How many tokens a post's texts have, those without room included."""
        text = self._text(_Post(pairs, self._objects))
        return int(text.mask.sum()) + text.lost

    def untold(self, pairs: Sequence[Pair]) -> int:
        """How many entities have a caption, which is not read."""
        ends = {end for pair in pairs for end in (pair.head, pair.tail) if end.span is not None}
        return sum(bool(end.caption) for end in ends) if self._caption else 0

    def unread(self, pairs: Sequence[Pair]) -> int:
        """How many word pieces of its texts have no room, with all of its pairs in one example."""
        return self.lost(pairs) if pairs else 0

    def boxes(self, pairs: Sequence[Pair]) -> Float[np.ndarray, "objects 4"]:
        """Of the objects that the model may see, in its order."""
        return _Post(pairs, self._objects).boxes

    def _text(self, post: _Post) -> PostText:
        words = post.first.tokens if self._sentence else ()
        captions = [caption if self._caption else "" for caption in post.captions.values()]
        return sequence(words, post.spans, captions[: self._told], self._pieces, self._tokens)

    def map(self, pairs: Sequence[Pair]) -> Features:
        """The features of pairs of a post, at most `data.max_pairs`.

        Raises:
            UserError: a picture or depth map changed since the records were built.
        """
        post = _Post(pairs, self._objects)
        text = self._text(post)
        markers, places, objects = self._markers(pairs, post, text)
        return {
            "tokens": text.tokens,
            "token_mask": text.mask,
            "token_types": text.types,
            **self._sights.read(post.first, post.boxes),
            "markers": self._padded(markers, 0),
            "places": self._padded(places, 0),
            "object": self._padded(objects, -1),
            "pair_mask": np.arange(self._pairs) < len(pairs),
            "label": self._padded([pair.label for pair in pairs], -1),
            "weight": self._padded([pair.weight for pair in pairs], 0),
            "row": self._padded([pair.row for pair in pairs], -1),
        }

    def _markers(
        self, pairs: Sequence[Pair], post: _Post, text: PostText
    ) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
        """Tokens, positions and objects of each pair's ends."""
        markers, places, objects = [], [], []
        for pair in pairs:
            tokens: list[int] = []
            positions: list[int] = []
            seen: list[int] = []
            for number, end in enumerate((pair.head, pair.tail)):
                place = post.place(pair, end)
                marker = self._pieces.ids.text if end.object < 0 else self._pieces.ids.caption
                tokens += marker[number]
                positions += text.captions[place] if end.span is None else text.spans[end.span]
                seen.append(place)
            markers.append(tokens)
            places.append(positions)
            objects.append(seen)
        return markers, places, objects

    def _padded(self, values: Sequence[object], filling: int) -> np.ndarray:
        found = np.array(values)
        rest = np.full((self._pairs - len(found), *found.shape[1:]), filling)
        return np.concatenate([found, rest]).astype(
            np.float32 if found.dtype.kind == "f" else np.int32
        )


class _Post:
    """What pairs of a post share: the same object may have another number in another row.

    An object is its name and box: a row may have a box of its own for a name.
    """

    def __init__(self, pairs: Sequence[Pair], limit: int):
        self.first = max(pairs, key=lambda pair: len(pair.boxes))
        captions = {
            named(self.first, number): self.first.captions[number]
            for number in range(len(self.first.objects))
        }
        for pair in pairs:
            for end in _objects(pair):
                captions.setdefault(named(pair, end.object), end.caption)
        every = list(captions)
        ends = [every.index(named(pair, end.object)) for pair in pairs for end in _objects(pair)]
        boxes = np.array([box for _, box in every], np.float32).reshape(-1, 4)
        chosen = choose_objects(ends, boxes, limit)
        self.boxes = boxes[chosen]
        self.captions = {every[index]: captions[every[index]] for index in chosen}
        """Of the objects that the model sees, in their order."""
        self._places = {every[index]: place for place, index in enumerate(chosen)}
        spans = [end.span for pair in pairs for end in (pair.head, pair.tail)]
        self.spans: list[Span] = [*dict.fromkeys(span for span in spans if span is not None)]

    def place(self, pair: Pair, end: Argument) -> int:
        """Of an end among the objects that are seen; -1 for an entity."""
        return -1 if end.object < 0 else self._places[named(pair, end.object)]


def _objects(pair: Pair) -> list[Argument]:
    """Its ends that are objects."""
    return [end for end in (pair.head, pair.tail) if end.object >= 0]
