"""How much of their room the features of a split fill, kept beside its records."""

from __future__ import annotations

import contextlib
import hashlib
import json

import numpy as np
from ml_collections import ConfigDict

from remote_jax.data.buckets import Extents
from remote_jax.errors import UserError
from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Featurize
from remote_jax.reporting.results import write_json


def of_split(pairs: PairDataset, split: str, featurize: Featurize, config: ConfigDict) -> Extents:
    """Of `pairs.examples(split)`; to read tens of thousands of them takes half a minute."""
    path = pairs.folder / f"{split}-extents-{_digest(featurize, config)}.json"
    if path.is_file():
        filled = np.array(json.loads(path.read_text(encoding="utf-8")), np.int32)
        return Extents(featurize.padding, filled)
    found = featurize.extents(pairs.examples(split))
    with contextlib.suppress(UserError):  # of a cache that this user only reads
        write_json(path, found.filled.tolist())
    return found


def _digest(featurize: Featurize, config: ConfigDict) -> str:
    """Of all that says which examples there are and how long: their data are the folder's."""
    data = {name: value for name, value in config.data.items() if name not in ("dir", "cache")}
    parts = (json.dumps([data, config.features.to_dict()], default=dict), featurize.tokenizer)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
