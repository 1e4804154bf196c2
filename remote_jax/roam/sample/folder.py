"""Where the sample is kept once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.cache import ensure_generated
from remote_jax.roam.sample.write import write


def ensure(cache: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
        cache: the sample goes to CACHE/roam_sample.
        settings: `entities` and `seed`, the shares `image` and `text` of the held-out triples that
            only that modality decides, and the share `missing` of entities without a modality.

    Raises:
        UserError: the cache cannot be written.
    """
    code = Path(__file__).parent
    folder = ensure_generated(cache / "roam_sample", settings, code, write)
    print(f"The graph is a generated sample, invented and no benchmark: {folder}", flush=True)
    return folder
