"""Entities by a trained EEGA: a run of this package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import remote_jax
from remote_jax.eega.answers import Quintuples
from remote_jax.errors import UserError
from remote_jax.prepare.mentions import Span
from remote_jax.prepare.models.fingerprint import fingerprint
from remote_jax.prepare.post import PreparedPost
from remote_jax.prepare.step import Failed

MODEL = ("config.json", "checkpoints", "model.safetensors")
"""Files of a run, and of an export, that decide its answers."""


class EegaTagger:
    """A `Tagger`: the entities of a run or an export. It sees the whole picture as one object."""

    sees = True

    def __init__(self, run: str):
        """Loads the model.

        Raises:
            UserError: there is none, or it is of another system.
        """
        self._model = remote_jax.load(run)
        if self._model.system != "eega":
            raise UserError(f"{run} is a run of {self._model.system}, expected one of eega.")
        self.version: Mapping[str, Any] = {
            "by": "eega",
            "model": run,
            "sha256": fingerprint(Path(run), MODEL),
        }

    def tag(self, text: str, post: PreparedPost) -> list[Span]:
        values: dict[str, Any] = {"text": text}
        if post.picture is not None:
            values["image"] = post.picture.image
        (answer,) = self._model.predict([values])
        if not isinstance(answer, Quintuples) or answer.error is not None:
            raise Failed(str(answer.error))
        return [Span(one.start, one.end, one.type) for one in answer.entities]
