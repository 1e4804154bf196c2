"""The features of a pair: what the model reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grain
import numpy as np
from jaxtyping import Float, Shaped
from ml_collections import ConfigDict

from remote_jax.data.batches import repeats
from remote_jax.data.batches.buckets import Extents, Padding, patches
from remote_jax.data.crop_cache import Crops
from remote_jax.data.media import Pictures
from remote_jax.encoders.word_pieces import word_pieces
from remote_jax.errors import UserError
from remote_jax.remote.data.pairs import Pair
from remote_jax.remote.data.text import MAX_SPECIAL_TOKENS, Text, needed, sequence

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AXES = {
    **dict.fromkeys(("tokens", "token_mask", "token_types"), ("tokens",)),
    **dict.fromkeys(("rgb", "rgb_mask", "depth", "depth_mask", "boxes"), ("objects",)),
}
"""Axes of features that are padded."""

MASKS = ("token_mask", "rgb_mask", "depth_mask")

JUDGED = 16
"""Pairs of a post by which is told how much of its texts is not read."""

Features = dict[str, Shaped[np.ndarray, "..."]]

Example = TypeVar("Example", covariant=True)


class Examples(Protocol[Example]):
    """Random access to what features are made of."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Example: ...


LOOKED_AT = 1000
"""Examples whose texts are looked at to see how many are cut; of large splits a sample."""


def looked_at(count: int) -> range:
    """The rows of those, evenly spread."""
    return range(0, count, -(-count // LOOKED_AT) or 1)


class Sights:
    """What the model sees of a post's picture and depth map; keeps its own crops."""

    def __init__(self, pictures: Pictures, config: ConfigDict):
        """Takes what `config.data` and `config.features` say."""
        data, features = config.data, config.features
        self._objects, self._crop = data.max_objects, data.crop
        self._picture, self._depth = features.picture, features.depth
        self._position = features.position
        self._crops = Crops(pictures, data.crop)
        self._last: tuple[tuple[str, str, bytes], Features] | None = None

    def count(self, post: Pair, boxes: int) -> int:
        """How many of the objects are seen; none without a picture or a depth map."""
        seen = (self._picture and post.image) or (self._depth and post.depth)
        return min(boxes, self._objects) if seen else 0

    def read(self, post: Pair, boxes: Float[np.ndarray, "objects 4"]) -> Features:
        """`rgb`, `depth`, their masks and `boxes` of the chosen objects, as `Featurize` has them.

        Pairs of a post follow each other and see the same: they get the same arrays.

        Args:
            post: a pair of it, which names its picture and depth map.

        Raises:
            UserError: a picture or depth map changed since the records were built.
        """
        key, last = (post.image, post.depth, boxes.tobytes()), self._last
        if last is None or last[0] != key:
            last = self._last = key, self._read(post, boxes)
        return last[1]

    def _read(self, post: Pair, boxes: Float[np.ndarray, "objects 4"]) -> Features:
        seen = boxes.shape[0] > 0
        pictured, measured = self._picture and seen and post.image, self._depth and seen
        rgb = self._crops.read(post.image, boxes) if pictured else None
        depth = None
        if measured and post.depth:
            depth = self._crops.read(post.depth, boxes, colour=False)
        sources = (post.image if pictured else "", post.depth if measured else "")
        size, present = self._crop, np.arange(self._objects) < len(boxes)
        return {
            "rgb": _filled(rgb, (self._objects, size, size, 3), np.uint8),
            "rgb_mask": present & (rgb is not None),
            "depth": _filled(depth, (self._objects, size, size), np.uint8),
            "depth_mask": present & (depth is not None),
            "boxes": _filled(boxes if self._position else None, (self._objects, 4), np.float32),
            repeats.KEY: repeats.key(sources, boxes),
        }


class Featurizes(grain.transforms.Map):
    """Turns examples into features, and knows how long they are.

    Its state is plain, so worker processes can be sent one; each keeps its own crops.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, config: ConfigDict):
        """Takes what `config.data` and `config.features` say.

        Args:
            pictures: those that pairs name.

        Raises:
            UserError: the tokenizer lacks a marker.
        """
        data, features = config.data, config.features
        self._pieces = word_pieces(tokenizer)
        self._tokens, self._objects, self._crop = data.max_tokens, data.max_objects, data.crop
        self._sentence, self._caption = features.sentence, features.caption
        self._sights = Sights(pictures, config)

    @property
    def tokenizer_json(self) -> str:
        """The tokenizer, as JSON."""
        return self._pieces.json

    def extents(self, examples: Examples[Any]) -> Extents:
        """How much of the padded axes each example fills; 0 objects if no picture is seen."""
        padding = self.padding
        filled = [self.filled(examples[row]) for row in range(len(examples))]
        return Extents(padding, np.array(filled, np.int32).reshape(-1, len(padding.lengths)))

    @property
    @abstractmethod
    def padding(self) -> Padding:
        """Which axes of the features are padded."""

    @abstractmethod
    def filled(self, example: Any) -> tuple[int, ...]:
        """How much of each padded axis an example fills."""

    @abstractmethod
    def lost(self, example: Any) -> int:
        """How many word pieces of an example's text have no room."""

    @abstractmethod
    def needed(self, example: Any) -> int:
        """How many tokens an example's text has, those without room included."""

    @abstractmethod
    def untold(self, example: Any) -> int:
        """How many captions of entities are not read."""

    @abstractmethod
    def unread(self, pairs: Sequence[Pair]) -> int:
        """How many word pieces of a post's texts the model does not read of a pair, at most."""

    @abstractmethod
    def boxes(self, example: Any) -> Float[np.ndarray, "objects 4"]:
        """Of the objects that the model may see of an example, in its order."""

    @abstractmethod
    def map(self, example: Any) -> Features:
        """The features of an example."""


class Featurize(Featurizes):
    """Turns a `Pair` into the arrays that the model reads, one example, unbatched.

    With n = `data.max_tokens`, o = `data.max_objects`, s = `data.crop`:

        tokens      int32 [n]        token_mask bool [n]     token_types int32 [n]
        rgb         uint8 [o,s,s,3]  rgb_mask   bool [o]     false: no object, or no picture
        depth       uint8 [o,s,s]    depth_mask bool [o]
        boxes       float32 [o,4]    left, top, right, bottom in [0, 1]; zeros if withheld
        sight       uint8 [8]        a digest, equal only where all of rgb to boxes are equal; in
                                     its place a batch may have their rows, `picture` int32 []
                                     (`data.batches.repeats`)
        marker      int32 [2]        opening markers of head and tail in tokens
        object      int32 [2]        places of head and tail in the o axis, -1 for an entity
        label       int32 []         -1 if unknown
        weight      float32 []       of the pair in the loss
        row         int32 []         index in the split
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, config: ConfigDict):
        """As `Featurizes`.

        Raises:
            UserError: the tokenizer lacks a marker, or there is no room for the markers.
        """
        data = config.data
        if data.max_tokens < MAX_SPECIAL_TOKENS or data.max_objects < 2:
            raise UserError(
                f"config.data needs max_tokens of at least {MAX_SPECIAL_TOKENS} and max_objects "
                f"of at least 2, found {data.max_tokens} and {data.max_objects}."
            )
        super().__init__(tokenizer, pictures, config)

    def unread(self, pairs: Sequence[Pair]) -> int:
        """How many word pieces of a post's texts the model does not read of a pair, at most.

        Args:
            pairs: of one post; a long one is judged by `JUDGED` of them, evenly spread.
        """
        if not pairs:
            return 0
        words = sum(len(self._pieces(word)) for word in pairs[0].tokens) if self._sentence else 0
        captioned = any(end.caption for pair in pairs for end in (pair.head, pair.tail))
        if not captioned and words + MAX_SPECIAL_TOKENS <= self._tokens:
            return 0
        some = pairs[:: -(-len(pairs) // JUDGED)]
        return max(map(self.lost, some))

    @property
    def padding(self) -> Padding:
        """Which axes are padded. An object has as many tokens of a ViT as it has patches, twice."""
        return Padding(
            lengths={"tokens": self._tokens, "objects": self._objects},
            costs={"tokens": 1.0, "objects": 2.0 * patches(self._crop)},
            axes=AXES,
            masks=MASKS,
        )

    def filled(self, pair: Pair) -> tuple[int, int]:
        """Word pieces and objects."""
        # What is cut fills all of the room.
        return min(self.needed(pair), self._tokens), self._sights.count(pair, len(pair.boxes))

    def lost(self, pair: Pair) -> int:
        """How many word pieces of a pair's texts have no room."""
        return self._text(pair).lost

    def needed(self, pair: Pair) -> int:
        """How many tokens a pair's text has, those without room included."""
        return needed(pair, self._pieces, sentence=self._sentence, caption=self._caption)

    def untold(self, pair: Pair) -> int:
        """0: all captions are read."""
        return 0

    def boxes(self, pair: Pair) -> Float[np.ndarray, "objects 4"]:
        """Of the objects that the model may see, in its order."""
        return pair.boxes[self._chosen(pair)]

    def _chosen(self, pair: Pair) -> list[int]:
        return choose_objects((pair.head.object, pair.tail.object), pair.boxes, self._objects)

    def _text(self, pair: Pair) -> Text:
        return sequence(
            pair, self._pieces, self._tokens, sentence=self._sentence, caption=self._caption
        )

    def map(self, pair: Pair) -> Features:
        """The features of a pair.

        Raises:
            UserError: a picture or depth map changed since the records were built.
        """
        text, chosen = self._text(pair), self._chosen(pair)
        ends = (pair.head.object, pair.tail.object)
        places = [chosen.index(number) if number >= 0 else -1 for number in ends]
        return {
            "tokens": text.tokens,
            "token_mask": text.mask,
            "token_types": text.types,
            **self._sights.read(pair, pair.boxes[chosen]),
            "marker": text.marker,
            "object": np.array(places, np.int32),
            "label": np.array(pair.label, np.int32),
            "weight": np.array(pair.weight, np.float32),
            "row": np.array(pair.row, np.int32),
        }


def featurized(examples: Examples[Any], featurize: Featurizes) -> grain.MapDataset[Features]:
    """The features of every example."""
    return grain.MapDataset.source(examples).map(featurize)


def choose_objects(
    ends: Sequence[int], boxes: Float[np.ndarray, "objects 4"], limit: int
) -> list[int]:
    """Objects that the model sees: all in their order, or heads and tails and then the largest.

    Args:
        ends: numbers of heads and tails among the objects; a negative one is an entity.
    """
    if len(boxes) <= limit:
        return list(range(len(boxes)))
    arguments = dict.fromkeys(number for number in ends if number >= 0)
    left, top, right, bottom = boxes.T
    largest = np.argsort(-(right - left) * (bottom - top), kind="stable").tolist()
    return [*arguments, *(index for index in largest if index not in arguments)][:limit]


def _filled(
    values: np.ndarray | None, shape: tuple[int, ...], dtype: type
) -> Shaped[np.ndarray, "..."]:
    """`values` at the start of an array of zeros."""
    array: np.ndarray = np.zeros(shape, dtype)
    if values is not None:
        array[: len(values)] = values
    return array
