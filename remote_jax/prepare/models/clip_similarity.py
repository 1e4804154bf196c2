"""Similarity of posts by text and picture through CLIP (REMOTE, §4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.prepare.models.torch_models import TorchModel
from remote_jax.prepare.post import PreparedPost


class ClipSimilarity:
    """The mean of the cosines of two texts and of two pictures; a missing picture is like none.

    A `mllm.examples.Similarity`.
    """

    def __init__(self, model: str):
        """Loads the model.

        Raises:
            UserError: as `TorchModel`.
        """
        self._model = TorchModel(model, "CLIPModel", "CLIPProcessor")
        self.version: Mapping[str, Any] = {"by": "clip", **self._model.version}

    def features(self, posts: Sequence[PreparedPost]) -> Float[np.ndarray, "posts dim"]:
        return np.stack([self._features(post) for post in posts])

    def _features(self, post: PreparedPost) -> Float[np.ndarray, " dim"]:
        processor = self._model.processor
        inputs = processor(text=[post.text], return_tensors="pt", truncation=True, padding=True)
        text = _unit(self._model(inputs, "get_text_features"))
        picture = np.zeros_like(text)
        if post.picture is not None:
            inputs = processor(images=post.picture.image, return_tensors="pt")
            picture = _unit(self._model(inputs, "get_image_features"))
        return np.concatenate([text, picture]) / np.sqrt(2)


def _unit(features: object) -> Float[np.ndarray, " dim"]:
    """Features of one text or picture, of length one."""
    values = features[0].float().cpu().numpy()  # type: ignore[index]
    return values / max(float(np.linalg.norm(values)), 1e-12)
