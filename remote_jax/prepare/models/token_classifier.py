"""Entities by a token classifier of `transformers`, such as a RoBERTa that was trained for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from remote_jax.prepare.mentions import Span
from remote_jax.prepare.models.torch_models import TorchModel
from remote_jax.prepare.post import PreparedPost


class TokenClassifier:
    """A `Tagger`: labels as B-PER, I-PER and O are joined to spans of whole words."""

    sees = False

    def __init__(self, name: str):
        """Loads the model.

        Args:
            name: folder or hub name.

        Raises:
            UserError: as `TorchModel`.
        """
        from transformers import TokenClassificationPipeline

        self._model = TorchModel(name, "AutoModelForTokenClassification", "AutoTokenizer")
        self._lock = threading.Lock()
        self._pipeline = TokenClassificationPipeline(
            model=self._model.model,
            tokenizer=self._model.processor,
            device=self._model.device,
            aggregation_strategy="first",
        )
        self.version: Mapping[str, Any] = {"by": "transformers", **self._model.version}

    def tag(self, text: str, post: PreparedPost) -> list[Span]:
        with self._lock:
            found = self._pipeline(text)
        return [Span(int(one["start"]), int(one["end"]), str(one["entity_group"])) for one in found]
