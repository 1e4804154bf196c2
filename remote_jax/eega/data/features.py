"""From an example to the arrays that the model reads."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import grain
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8
from ml_collections import ConfigDict

from remote_jax.data.batches import repeats
from remote_jax.data.batches.buckets import Extents, Padding, patches
from remote_jax.data.crop_cache import Crops
from remote_jax.data.media import Pictures
from remote_jax.eega.data.corpus_statistics import CorpusStatistics
from remote_jax.eega.data.examples import Example
from remote_jax.eega.graphs.shapes import shapes
from remote_jax.eega.graphs.text_graph import text_graph
from remote_jax.eega.quintuples import Labels
from remote_jax.eega.settings import Inputs
from remote_jax.eega.tags import encode
from remote_jax.encoders.frozen.vectors import Vectors
from remote_jax.encoders.word_pieces import word_pieces
from remote_jax.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AXES = {
    **dict.fromkeys(("tokens", "token_mask", "word"), ("tokens",)),
    **dict.fromkeys(("words", "pos", "shape", "word_vectors"), ("words",)),
    **dict.fromkeys(("tags", "edges", "distance", "pmi"), ("words", "words")),
    **dict.fromkeys(("rgb", "objects", "classes", "object_vectors"), ("objects",)),
    "object_edges": ("objects", "objects"),
}
"""Axes of features that are padded."""

SPECIAL_TOKENS = 2
"""[CLS] and [SEP]."""

BYTES = 16
"""Of a digest."""

Features = dict[str, Shaped[np.ndarray, "..."]]


class Made(NamedTuple):
    """What frozen encoders made of the examples of a split, by `text_key` and by `picture_key`."""

    words: Vectors | None = None
    objects: Vectors | None = None


class Featurize(grain.transforms.Map):
    """Turns an `Example` into arrays, unbatched.

    With p = `data.max_tokens` word pieces, n = `data.max_words`, k = `data.max_objects`, and
    s = `data.crop`:

        tokens      int32 [p]        token_mask bool [p]
        word        int32 [p]        the word of each piece; -1 for [CLS], [SEP] and padding
        words       bool  [n]        which words there are
        tags        int32 [n,n]      0 outside of the words; all 0 if unknown

    where the model reads a parse, and with it or alone the co-occurrence (`text_graph.TextGraph`):

        edges       int32 [n,n]      0: no edge
        pos         int32 [n]        distance   int32 [n,n]      pmi    int32 [n,n]

    where a channel reads it:

        shape       int32 [n]        how a word is written; 0: no word

    and where it reads pictures:

        rgb         uint8 [k,s,s,3]  objects    bool  [k]        which objects there are
        classes     int32 [k]        object_edges int32 [k,k]    0: no edge

    and what frozen encoders made (`Made`), the latter in place of `rgb`:

        word_vectors float32 [n,d]   object_vectors float32 [k,d]

    A sentence is cut before the first word beyond n, or whose pieces go beyond p; what lies outside
    is not read. Its state is plain, so worker processes can be sent one.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        corpus: CorpusStatistics,
        pictures: Pictures,
        config: ConfigDict,
    ):
        """Takes what `config.data` says, and reads what the switches of the config ask for.

        Raises:
            UserError: the tokenizer lacks a special token, or there is no room for a word.
        """
        data = config.data
        if data.max_tokens <= SPECIAL_TOKENS:
            raise UserError(
                f"config.data.max_tokens is {data.max_tokens}, expected above {SPECIAL_TOKENS}, "
                "which [CLS] and [SEP] take."
            )
        self._pieces = word_pieces(tokenizer)
        self._corpus, self._inputs = corpus, Inputs.from_config(config)
        self._tokens, self._words, self._crop = data.max_tokens, data.max_words, data.crop
        self._objects = data.max_objects
        self._crops = Crops(pictures, data.crop)
        self._made = Made()

    def reading(self, made: Made) -> Featurize:
        """The same for examples of which frozen encoders have made this."""
        found = copy.copy(self)
        found._made, found._crops = made, self._crops.emptied()
        return found

    def map(self, example: Example) -> Features:
        """The features of an example.

        Raises:
            UserError: a picture changed since the records were built.
        """
        sentence = example.sentence
        features = self.text(sentence.tokens)
        count = int(features["words"].sum())
        if self._made.words is not None:
            found = self._made.words.of(text_key(features))
            features["word_vectors"] = _filled(found, features["words"])
        tags = encode(within(sentence.labels, count), count, self._corpus.vocabulary)
        features["tags"] = self._padded(tags)
        features |= self._linguistic(example, count)
        if self._inputs.picture:
            features |= self._visual(example)
        return features

    @property
    def padding(self) -> Padding:
        """Which axes are padded: of word pieces, words and objects."""
        seen = self._inputs.picture
        object_cost = seen * (1.0 + patches(self._crop))
        return Padding(
            lengths={"tokens": self._tokens, "words": self._words, "objects": self._objects},
            # Most of the work is the encoders'; what grows with pairs of words is small.
            costs={"tokens": 1.0, "words": 0.5, "objects": object_cost},
            axes=AXES,
            masks=("token_mask", "words", *(("objects",) if seen else ())),
        )

    def extents(self, examples: Sequence[Example]) -> Extents:
        """How much of each axis examples fill; at least one object."""
        filled = np.ones((len(examples), 3), np.int32)
        for row, example in enumerate(examples):
            text = self.text(example.sentence.tokens)
            filled[row, :2] = text["token_mask"].sum(), text["words"].sum()
            if self._inputs.picture and example.graph.mask.any():
                filled[row, 2] = np.flatnonzero(example.graph.mask)[-1] + 1
        filled[:, 1] = np.maximum(filled[:, 1], 1)
        return Extents(self.padding, filled)

    def words_read(self, example: Example) -> int:
        """How many words of a sentence are read: those before it is cut."""
        return int(self.text(example.sentence.tokens)["words"].sum())

    def text(self, words: Sequence[str]) -> Features:
        """`tokens`, `token_mask`, `word` and `words` of a sentence."""
        ids, room = self._pieces.ids, self._tokens - SPECIAL_TOKENS
        tokens, word, count = [ids.cls], [-1], 0
        for text in words[: self._words]:
            # A word without pieces still is one; one longer than all there is room for is cut.
            pieces = (self._pieces(text) or (ids.unknown,))[:room]
            if len(tokens) - 1 + len(pieces) > room:
                break
            tokens += pieces
            word += [count] * len(pieces)
            count += 1
        tokens.append(ids.sep)
        padding = self._tokens - len(tokens)
        return {
            "tokens": np.array(tokens + [ids.pad] * padding, np.int32),
            "token_mask": np.arange(self._tokens) < len(tokens),
            "word": np.array(word + [-1] * (padding + 1), np.int32),
            "words": np.arange(self._words) < count,
        }

    def _linguistic(self, example: Example, count: int) -> Features:
        words, known = example.sentence.tokens, self._corpus
        if example.parse is not None and self._inputs.parse:
            graph = text_graph(
                words, example.parse, known.labels, known.cooccurrence, counted=example.counted
            )
            found = {
                "edges": graph.edges,
                "pos": graph.pos,
                "distance": graph.distance,
                "pmi": graph.cooccurrence,
            }
        elif self._inputs.cooccurrence:
            found = {"pmi": known.cooccurrence.levels(words, counted=example.counted)}
        else:
            found = {}
        if self._inputs.shape:
            found["shape"] = shapes(words)
        return {
            name: self._padded(matrix[(slice(count),) * matrix.ndim])
            for name, matrix in found.items()
        }

    def _padded(self, matrix: Int[np.ndarray, "words *words"]) -> Int[np.ndarray, "n *n"]:
        return np.pad(matrix, [(0, self._words - size) for size in matrix.shape]).astype(np.int32)

    def _visual(self, example: Example) -> Features:
        graph, size, made = example.graph, self._crop, self._made.objects
        there = {"objects": graph.mask, "classes": graph.labels, "object_edges": graph.edges}
        if made is not None:
            found = made.of(picture_key(example)) if graph.mask.any() else np.zeros((0, made.dim))
            return {**there, "object_vectors": _filled(found, graph.mask)}
        rgb = np.zeros((len(graph.mask), size, size, 3), np.uint8)
        if graph.mask.any():
            rgb[graph.mask] = self.crops(example)
        return {**there, "rgb": rgb}

    def crops(self, example: Example) -> UInt8[np.ndarray, "objects s s 3"]:
        """The objects that there are in its picture.

        Raises:
            UserError: the picture changed since the records were built.
        """
        graph = example.graph
        return self._crops.read(example.sentence.image, graph.boxes[graph.mask])


def _filled(
    vectors: Float[np.ndarray, "some d"], mask: Bool[np.ndarray, " all"]
) -> Float[np.ndarray, "all d"]:
    """Vectors where the mask is, and zeros elsewhere."""
    found = np.zeros((len(mask), vectors.shape[1]), np.float32)
    found[mask] = vectors
    return found


def text_key(text: Features) -> bytes:
    """A digest of what the text encoder reads of a sentence, and of which word each piece is."""
    there = text["token_mask"]
    digest = hashlib.blake2b(text["tokens"][there].tobytes(), digest_size=BYTES)
    digest.update(text["word"][there].tobytes())
    return digest.digest()


def picture_key(example: Example) -> bytes:
    """A digest of the name of a picture, and of the boxes of its objects."""
    return repeats.key((example.sentence.image,), example.graph.boxes).tobytes()


def within(labels: Labels, words: int) -> Labels:
    """The labels that lie within the first so many words."""
    return Labels(
        frozenset(one for one in labels.entities if one.end <= words),
        frozenset(q for q in labels.quintuples if max(q.head.end, q.tail.end) <= words),
    )
