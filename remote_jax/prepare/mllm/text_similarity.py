"""Similarity of posts by their texts alone, through a sentence encoder of BERT's architecture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.prepare.post import PreparedPost
from remote_jax.roam.data import text


class TextSimilarity:
    """The cosine of two texts; pictures are not looked at. A `Similarity`."""

    def __init__(self, checkpoint: str, texts: Iterable[str], folder: Path):
        """Encodes texts, or reads what was made of the same.

        Args:
            checkpoint: folder or hub name of the encoder.
            texts: of all posts that will be asked for.
            folder: for the features.

        Raises:
            UserError: there is no such encoder, or nothing can be written.
        """
        distinct = sorted(set(texts))
        self.version: Mapping[str, Any] = {
            "by": "text",
            "model": checkpoint,
            "sha256": text.fingerprint([], checkpoint),
        }
        file = folder / f"texts-{text.fingerprint(distinct, checkpoint)[:16]}.npy"
        self._features = text.encoded(distinct, checkpoint, file)
        self._rows = {one: row for row, one in enumerate(distinct)}

    def features(self, posts: Sequence[PreparedPost]) -> Float[np.ndarray, "posts dim"]:
        return self._features[[self._rows[post.text] for post in posts]]
