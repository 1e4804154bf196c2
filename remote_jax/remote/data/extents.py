"""How much of their room the features of a split fill, kept beside its records."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from remote_jax.data.batches.buckets import Extents
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Examples, Featurizes
from remote_jax.reporting.results import write_json

VERSION = 2
"""Of the code that decides which examples a split has and how long they are: `text.sequence`,
`further`, `Featurize.extents`, and those of `together`. It goes up where one of them changes."""

KEYS = ("triplets", "reverse", "symmetric", "unlisted", "unlisted_weight", "max_pairs")
"""Keys of `data` that say which examples there are."""


def of_split(
    pairs: PairDataset,
    split: str,
    examples: Examples[Any],
    featurize: Featurizes,
    config: ConfigDict,
) -> Extents:
    """Of a split's examples; to read tens of thousands of them takes half a minute."""
    path = pairs.folder / f"{split}-extents-{_digest(featurize, config)}.json"
    if path.is_file():
        filled = np.array(json.loads(path.read_text(encoding="utf-8")), np.int32)
        if filled.shape == (len(examples), len(featurize.padding.lengths)):
            return Extents(featurize.padding, filled)
    found = featurize.extents(examples)
    with contextlib.suppress(UserError):  # of a cache that this user only reads
        write_json(path, found.filled.tolist())
    return found


def _digest(featurize: Featurizes, config: ConfigDict) -> str:
    """Of all that says which examples there are and how long: their data are the folder's."""
    facts = [
        VERSION,
        *featurize.padding.lengths.values(),
        *(config.data[name] for name in KEYS),
        config.features.to_dict(),
        config.model.pairs,
        featurize.tokenizer_json,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
