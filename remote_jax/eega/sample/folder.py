"""Where the sample is kept once it is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.cache import ensure_generated
from remote_jax.eega.sample.write import write


def ensure(cache: Path, settings: Mapping[str, Any]) -> Path:
    """The folder of the sample that `config.data.sample` describes, written if it is new.

    Args:
        cache: the sample goes to CACHE/jmere_sample.
        settings: posts of `train`, `validation` and `test`, and the `seed`.

    Raises:
        UserError: the cache cannot be written.
    """
    code = Path(__file__).parent
    return ensure_generated(cache / "jmere_sample", settings, code, write)
