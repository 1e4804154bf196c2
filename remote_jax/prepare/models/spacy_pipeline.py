"""Entities by a pipeline of spaCy."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.errors import UserError, reason
from remote_jax.prepare.mentions import Span
from remote_jax.prepare.models.fingerprint import fingerprint
from remote_jax.prepare.post import PreparedPost


class SpacyTagger:
    """A `Tagger`: the entities of a pipeline with a component that finds them."""

    sees = False

    def __init__(self, name: str):
        """Loads the pipeline.

        Args:
            name: of an installed package, or a folder.

        Raises:
            UserError: there is none, or it finds no entities.
        """
        import spacy

        try:
            self._nlp = spacy.load(name)
        except (OSError, ValueError, ImportError) as error:
            raise UserError(f"spaCy cannot load the pipeline {name!r}: {reason(error)}.") from error
        finders = [
            one for one in ("ner", "entity_ruler", "span_ruler") if one in self._nlp.pipe_names
        ]
        if not finders:
            parts = ", ".join(self._nlp.pipe_names) or "no component"
            raise UserError(f"The pipeline {name!r} finds no entities: it has {parts}.")
        self._lock = threading.Lock()
        folder = Path(name) if Path(name).is_dir() else None
        self.version: Mapping[str, Any] = {
            "by": "spacy",
            "model": name,
            "version": self._nlp.meta.get("version", ""),
            **({"sha256": fingerprint(folder)} if folder else {}),
        }

    def tag(self, text: str, post: PreparedPost) -> list[Span]:
        with self._lock, self._nlp.memory_zone():
            found = self._nlp(text).ents
            return [Span(one.start_char, one.end_char, one.label_) for one in found]
