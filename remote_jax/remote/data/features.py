"""From raw files to what the model reads: records, and the features of a pair."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grain
import numpy as np
from jaxtyping import Int, Shaped
from ml_collections import ConfigDict

from remote_jax.data.cache import cache_folder
from remote_jax.data.crop_cache import Crops
from remote_jax.data.media import Pictures
from remote_jax.data.records import build_rows
from remote_jax.encoders.word_pieces import WordPieces
from remote_jax.errors import UserError
from remote_jax.remote.data import builders, formats
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Pair
from remote_jax.remote.data.text import MAX_SPECIAL_TOKENS, sequence
from remote_jax.reporting.results import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LAYOUTS = {
    "umre": formats.UMRE,
    "more": formats.MORE,
    "mnre": formats.MNRE,
}

Features = dict[str, Shaped[np.ndarray, "..."]]


class PairDataset:
    """A data set whose records are built.

    Attributes:
        relations: the vocabulary; index 0 is no relation.
        splits: those that the data folder has.
        root: the data folder, which the paths of a `Pair` start from.
        distances: folders of depth maps that are larger the farther away.
        fingerprint: name, sizes and SHA-256 of the files, and counts of their rows, as JSON values.
    """

    def __init__(self, config: ConfigDict):
        """Finds and checks the files that `config.data` names, and builds records once.

        Raises:
            UserError: files are missing, or too many rows are malformed.
        """
        data = config.data
        if data.name not in LAYOUTS:
            raise UserError(f"config.data.name is {data.name!r}, expected one of {list(LAYOUTS)}.")
        files = formats.locate(LAYOUTS[data.name], data.dir, data.captions, data.boxes)
        builder = build_rows(builders.BUILDERS, files, cache_folder(data.cache), data.max_rejected)
        self.root = files.root
        self.relations = files.relations
        self.splits = tuple(files.rows)
        self.distances = files.distances
        self.fingerprint = {**files.fingerprint, "counts": builder.counts}
        self._folder = Path(builder.data_dir)
        self._types = triplet_types(data.triplets)

    def records(self, split: str) -> PairRecords:
        """The pairs of a split, in the order of its file, of the types in `data.triplets`.

        Raises:
            UserError: the data folder does not have the split, or no such pair in it.
        """
        chosen = self._chosen(split)
        if not len(chosen):
            wanted = ", ".join(TRIPLET_TYPES[index] for index in self._types)
            raise UserError(f"The {split} split in {self.root} has no pair of the types {wanted}.")
        return PairRecords(self._folder, split, chosen)

    def labels(self, split: str) -> Int[np.ndarray, " pairs"]:
        """Relation of each of `records(split)`."""
        return self._summary(split)[self._chosen(split), 0]

    def types(self, split: str) -> Int[np.ndarray, " pairs"]:
        """Triplet type of each of `records(split)`, as an index in `pairs.TRIPLET_TYPES`."""
        return self._summary(split)[self._chosen(split), 1]

    def texts(self, split: str) -> list[str]:
        """Sentences and captions of a split, each once, to train a tokenizer on.

        They are kept beside the records: to read tens of thousands of these takes ten seconds.
        """
        types = "-".join(TRIPLET_TYPES[index] for index in sorted(self._types))
        path = self._folder / f"{split}-{types}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, None] = {}
        records = self.records(split)
        for index in range(len(records)):
            pair = records[index]
            for text in (" ".join(pair.tokens), pair.head.caption, pair.tail.caption):
                if text:
                    found[text] = None
        with contextlib.suppress(UserError):  # of a cache that this user only reads
            write_json(path, list(found))
        return list(found)

    def _summary(self, split: str) -> Int[np.ndarray, "pairs 2"]:
        if split not in self.splits:
            raise UserError(
                f"There is no {split} split in {self.root}, only {', '.join(self.splits)}."
            )
        return np.load(self._folder / f"{split}.npy")

    def _chosen(self, split: str) -> Int[np.ndarray, " pairs"]:
        return np.flatnonzero(np.isin(self._summary(split)[:, 1], self._types))


class PairRecords:
    """Random access to the pairs of a split; opened anew in each process."""

    def __init__(self, folder: Path, split: str, chosen: Int[np.ndarray, " pairs"]):
        self._folder, self._split, self._chosen = folder, split, chosen
        self._source: Any = None

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> Pair:
        if self._source is None:
            import tensorflow_datasets as tfds

            builder = tfds.builder_from_directory(self._folder)
            self._source = builder.as_data_source(self._split)
        return builders.decode(self._source[int(self._chosen[index])], int(index))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_source": None}


class Featurize(grain.transforms.Map):
    """Turns a `Pair` into the arrays that the model reads, one example, unbatched.

    With n = `data.max_tokens`, o = `data.max_objects`, s = `data.crop`:

        tokens      int32 [n]        token_mask bool [n]     token_types int32 [n]
        rgb         uint8 [o,s,s,3]  rgb_mask   bool [o]     false: no object, or no picture
        depth       uint8 [o,s,s]    depth_mask bool [o]
        boxes       float32 [o,4]    left, top, right, bottom in [0, 1]; zeros if withheld
        marker      int32 [2]        opening markers of head and tail in tokens
        object      int32 [2]        places of head and tail in the o axis, -1 for an entity
        label       int32 []         -1 if unknown
        row         int32 []         index in the split

    Its state is plain, so worker processes can be sent one; each keeps its own crops.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, pictures: Pictures, config: ConfigDict):
        """Takes what `config.data` and `config.features` say.

        Args:
            pictures: those that pairs name.

        Raises:
            UserError: the tokenizer lacks a marker, or there is no room for the markers.
        """
        data, features = config.data, config.features
        if data.max_tokens < MAX_SPECIAL_TOKENS or data.max_objects < 2:
            raise UserError(
                f"config.data needs max_tokens of at least {MAX_SPECIAL_TOKENS} and max_objects "
                f"of at least 2, found {data.max_tokens} and {data.max_objects}."
            )
        self._pieces = WordPieces(tokenizer)
        self._tokens, self._objects, self._crop = data.max_tokens, data.max_objects, data.crop
        self._sentence, self._caption = features.sentence, features.caption
        self._picture, self._depth = features.picture, features.depth
        self._position = features.position
        self._crops = Crops(pictures, data.crop)

    def map(self, pair: Pair) -> Features:
        """The features of a pair.

        Raises:
            UserError: a picture or depth map changed since the records were built.
        """
        text = sequence(
            pair, self._pieces, self._tokens, sentence=self._sentence, caption=self._caption
        )
        chosen = choose_objects(pair, self._objects)
        boxes = pair.boxes[chosen]
        seen = boxes.shape[0] > 0
        pictured = self._picture and seen and pair.image
        rgb = self._crops.read(pair.image, boxes) if pictured else None
        measured = self._depth and seen and pair.depth
        depth = self._crops.read(pair.depth, boxes, colour=False) if measured else None
        places = [chosen.index(e.object) if e.object >= 0 else -1 for e in (pair.head, pair.tail)]
        size, present = self._crop, np.arange(self._objects) < len(chosen)
        return {
            "tokens": text.tokens,
            "token_mask": text.mask,
            "token_types": text.types,
            "rgb": _filled(rgb, (self._objects, size, size, 3), np.uint8),
            "rgb_mask": present & (rgb is not None),
            "depth": _filled(depth, (self._objects, size, size), np.uint8),
            "depth_mask": present & (depth is not None),
            "boxes": _filled(boxes if self._position else None, (self._objects, 4), np.float32),
            "marker": text.marker,
            "object": np.array(places, np.int32),
            "label": np.array(pair.label, np.int32),
            "row": np.array(pair.row, np.int32),
        }


def dataset(records: PairRecords, featurize: Featurize) -> grain.MapDataset[Features]:
    """The features of every record."""
    return grain.MapDataset.source(records).map(featurize)


def choose_objects(pair: Pair, limit: int) -> list[int]:
    """Objects that the model sees: all in their order, or head and tail and then the largest."""
    count = len(pair.boxes)
    if count <= limit:
        return list(range(count))
    arguments = dict.fromkeys(x.object for x in (pair.head, pair.tail) if x.object >= 0)
    left, top, right, bottom = pair.boxes.T
    largest = np.argsort(-(right - left) * (bottom - top), kind="stable").tolist()
    return [*arguments, *(index for index in largest if index not in arguments)][:limit]


def triplet_types(names: str) -> list[int]:
    """`ee,oo,eo` as indices in `pairs.TRIPLET_TYPES`.

    Raises:
        UserError: a name is none of them, or there is none.
    """
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    if not chosen or not set(chosen) <= set(TRIPLET_TYPES):
        raise UserError(
            f"config.data.triplets is {names!r}, expected some of {', '.join(TRIPLET_TYPES)}."
        )
    return [TRIPLET_TYPES.index(name) for name in chosen]


def _filled(
    values: np.ndarray | None, shape: tuple[int, ...], dtype: type
) -> Shaped[np.ndarray, "..."]:
    """`values` at the start of an array of zeros."""
    array: np.ndarray = np.zeros(shape, dtype)
    if values is not None:
        array[: len(values)] = values
    return array
