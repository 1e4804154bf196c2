"""X_T and X_I of a split (Eqs. 1 and 2), made before training by encoders that are frozen.

An encoder is frozen where `train.frozen` covers all of it. It is run without dropout, as in
predicting, so that what it makes of a sentence or of an object is the same in every step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import PIL
from jaxtyping import Array, Float
from ml_collections import ConfigDict

from remote_jax.config.frozen import ENCODERS, covers
from remote_jax.data.cache import cache_folder
from remote_jax.data.files import find, sha256
from remote_jax.eega.data.examples import Example
from remote_jax.eega.data.features import Featurize, Made, picture_key, text_key
from remote_jax.eega.model.eega import Eega
from remote_jax.eega.model.encoding import TextEncoding, VisualEncoding
from remote_jax.encoders.frozen import encode
from remote_jax.encoders.frozen.encode import Arrays, Inputs
from remote_jax.encoders.frozen.vectors import Origin, Vectors, kept
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import say, working
from remote_jax.runtime import processes, sharding
from remote_jax.task import Batch
from remote_jax.training.state import Params, split


class FrozenEncoders:
    """Those of a run, at the parameters that training starts from.

    Args:
        config: of the run.
        model: with shapes for values.
        params: of the model.
        featurize: reads examples.
        root: the data folder, with the pictures.
    """

    def __init__(
        self,
        config: ConfigDict,
        model: Eega,
        params: Mapping[str, Array],
        featurize: Featurize,
        root: Path,
    ):
        self._config, self._model, self._params = config, model, params
        self._featurize, self._root = featurize, root

    def made(self, name: str, examples: Sequence[Example]) -> Made:
        """The vectors of the examples of a split, from the cache or made and put there.

        Raises:
            UserError: a picture changed since the records were built, or the cache cannot be
                written.
        """
        words = objects = None
        text, vision = self._model.text, self._model.vision
        if covers(self._config, "text"):
            words = self._vectors("text", text, self._sentences(examples), name)
        if vision is not None and covers(self._config, "vision"):
            objects = self._vectors("vision", vision, self._objects(vision, examples), name)
        return Made(words, objects)

    def _sentences(self, examples: Sequence[Example]) -> Inputs:
        """The words of sentences, those of equal sentences once."""
        texts = [self._featurize.text(one.sentence.tokens) for one in examples]
        found = {text_key(text): text for text in texts}
        counts = {key: int(text["words"].sum()) for key, text in found.items()}
        return Inputs(
            items=list(found),
            read=lambda key: (found[key], counts[key]),
            counts=counts,
            unit="sentences",
        )

    def _objects(self, vision: VisualEncoding, examples: Sequence[Example]) -> Inputs:
        """The objects of pictures, those of equal boxes in a picture once."""
        pictures = {picture_key(one): one for one in examples if one.graph.mask.any()}
        counts = {key: int(one.graph.mask.sum()) for key, one in pictures.items()}

        def crop(item: tuple[Example, int]) -> tuple[Arrays, int]:
            example, place = item
            return {"rgb": self._featurize.crops(example)[place, None]}, 1

        return Inputs(
            items=[(pictures[key], place) for key in counts for place in range(counts[key])],
            read=crop,
            counts=counts,
            unit="objects",
            facts={
                "mean": list(vision.mean),
                "std": list(vision.std),
                "crop": self._config.data.crop,
                "pillow": PIL.__version__,
                "pictures": _digest(self._root, (one.sentence.image for one in pictures.values())),
            },
        )

    def _vectors(
        self, part: str, encoding: TextEncoding | VisualEncoding, inputs: Inputs, name: str
    ) -> Vectors | None:
        """Those of an encoder; None where there is nothing to encode."""
        if not inputs.counts:
            return None
        skeleton, shapes = split(encoding)
        doing = f"encoding the {inputs.unit} of {name}"
        processes.wait(f"begin {doing}")  # gathering gives up where a process is late
        params = sharding.fetch({one: self._params[f"{part}/{one}"] for one in shapes})
        own = {one: x for one, x in params.items() if f"{part}/{one}".startswith(ENCODERS[part])}

        @jax.jit
        def run(params: Params, batch: Batch) -> Float[Array, "b m d"]:
            model: Any = skeleton.model(params)
            return model.vectors(batch)

        encoder = encoding.bert if isinstance(encoding, TextEncoding) else encoding.vit
        facts = encode.facts(encoder.config, own, self._config.compute_dtype)
        with processes.first_ahead(doing):
            found, seconds = kept(
                cache_folder(self._config.data.cache),
                Origin({**facts, **inputs.facts}, inputs.counts, encoder.config.dim),
                lambda: encode.encoded(partial(run, jax.device_put(params)), inputs, doing),
            )
        how = "are read from" if seconds is None else f"were encoded in {seconds:.1f} s, kept in"
        rate = self._config[part].dropout
        say(
            f"{ENCODERS[part].rstrip('/')} is frozen: the {len(inputs.items):,} {inputs.unit} of "
            f"{name} {how} {found.path.parent}"
            f"{f'; {part}.dropout={rate:g} is not applied' if rate else ''}"
        )
        return found


def _digest(root: Path, names: Iterable[str]) -> str:
    """A digest of the names and contents of files in a folder.

    Raises:
        UserError: one is not there any more.
    """
    digest = hashlib.sha256()
    with working("reading pictures for frozen encoders"):
        for name in dict.fromkeys(names):
            digest.update(f"{name}\0{_content(root, name)}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _content(root: Path, name: str) -> str:
    """A digest of the content of a file in a folder."""
    try:
        path = find(root, name)
        if path is None:
            raise Refused("it is not there any more")
        return sha256(path)
    except Refused as error:
        said = f"{error}; put it back, or start a new run with the data as they are now"
    except OSError as error:
        said = f"it cannot be read: {error.strerror}"
    raise UserError(f"{root}: {name}: {said}.")
