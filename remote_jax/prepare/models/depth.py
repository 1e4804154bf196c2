"""Depth maps by a model of `transformers`, such as Depth-Anything (REMOTE, §5.1.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from remote_jax.data.files import sha256
from remote_jax.errors import UserError
from remote_jax.prepare.media import OutputMedia, write_depth
from remote_jax.prepare.models.torch_models import TorchModel
from remote_jax.prepare.post import PreparedPost
from remote_jax.prepare.step import Found

NEARNESS = ("depth_anything_relative", "dpt")
"""Models whose values are larger the nearer: inverse depth up to a scale and a shift."""

DISTANCE = ("depth_anything_metric", "zoedepth", "glpn", "depth_pro")
"""Models whose values are larger the farther away: metres."""

LEAST = 1e-3
"""Least distance that is told from another, in metres."""

SIDE = 1024
"""Longest side of a depth map in pixels."""


class DepthStep:
    """A `Step` that writes the depth map of a post's picture, its largest value the nearest.

    A post that came with a depth map keeps it.
    """

    name = "depth"

    def __init__(self, model: str, media: OutputMedia):
        """Loads the model.

        Raises:
            UserError: as `TorchModel`; or nobody knows what its values mean.
        """
        self._model = TorchModel(model, "AutoModelForDepthEstimation", "AutoImageProcessor")
        self._media = media
        self._metric = is_distance(self._model.config, model)
        self.version: Mapping[str, Any] = {
            "by": "transformers",
            **self._model.version,
            "values": "distance" if self._metric else "nearness",
        }

    def reads(self, post: PreparedPost) -> Sequence[Any] | None:
        if post.picture is None or post.given_depth is not None:
            return None
        return [post.name, post.picture.digest]

    def ask(self, post: PreparedPost) -> Mapping[str, Any]:
        assert post.picture is not None
        image = post.picture.image
        scale = min(1.0, SIDE / max(image.size))
        size = [max(round(length * scale), 1) for length in (image.height, image.width)]
        outputs = self._model(self._model.processor(images=image, return_tensors="pt"))
        (found,) = self._model.processor.post_process_depth_estimation(
            outputs, target_sizes=[tuple(size)]
        )
        values = found["predicted_depth"].float().cpu().numpy()
        path = self._path(post)
        write_depth(path, nearness(values) if self._metric else values)
        return {"sha256": sha256(path)}

    def add(self, post: PreparedPost, answer: Mapping[str, Any]) -> Found:
        path = self._path(post)
        if not path.is_file() or sha256(path) != answer.get("sha256"):
            self.ask(post)  # somebody removed it, or another model's map came in its place
        return Found(replace(post, depth=True), 1)

    def _path(self, post: PreparedPost) -> Path:
        return self._media.folder / self._media.depth(replace(post, depth=True))


def nearness(distances: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """Distances in metres as their inverse, as relative models give them: larger is nearer."""
    return 1.0 / np.maximum(distances, LEAST)


def is_distance(config: Any, name: str) -> bool:
    """Whether the values of a model are larger the farther away, by its config.

    Raises:
        UserError: its config does not say, and its kind is not known here.
    """
    kind = getattr(config, "model_type", "")
    stated = getattr(config, "depth_estimation_type", "")
    if stated:
        kind = f"depth_anything_{stated}"
    if kind not in NEARNESS + DISTANCE:
        raise UserError(
            f"{name} is of kind {kind!r}: whether its values are larger for what is nearer is not "
            f"known. Known are {', '.join(NEARNESS + DISTANCE)}."
        )
    return kind in DISTANCE
