"""Features of entities: a BERT's of their descriptions, a ViT's of their crops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from remote_jax.data.files import find
from remote_jax.data.images import crop, read_picture
from remote_jax.encoders import pretrained
from remote_jax.encoders.vit import ViT
from remote_jax.errors import Refused
from remote_jax.graph.writers.roam import descriptions, used
from remote_jax.graph.writers.rows import Knowledge
from remote_jax.reporting.progress import tracked
from remote_jax.roam.data.text import encode

MAX_CROPS = 8
"""Crops of an entity that are read, those of the first posts by their ids."""
BATCH = 32


def crops(knowledge: Knowledge) -> dict[str, list[tuple[int, int]]]:
    """By picture, the objects to look at: the row of each mention, and its entity's place."""
    mentions, of = knowledge.extraction.mentions, knowledge.entities.of
    wanted, images = set(used(knowledge)), knowledge.extraction.posts.images
    taken: dict[int, int] = defaultdict(int)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in np.flatnonzero(mentions.is_object & (of >= 0)).tolist():
        image, entity = images[mentions.post[row]], int(of[row])
        if image is not None and entity in wanted and taken[entity] < MAX_CROPS:
            taken[entity] += 1
            found[image].append((row, entity))
    return dict(found)


def image_features(
    knowledge: Knowledge, pictures: Path, vision: str
) -> tuple[list[str], Float[np.ndarray, "n dim"], list[str]]:
    """Features of the entities that a readable picture shows.

    Each is the mean over crops of the ViT's last level at CLS (Dosovitskiy et al. 2021, Eq. 4).

    Args:
        pictures: the folder that names of images are relative to.
        vision: folder or hub name of a ViT, or of CLIP's vision tower.

    Returns:
        Labels of entities, a row of each, and what is wrong with pictures that were not read.

    Raises:
        UserError: the encoder is missing or malformed.
    """
    vit = pretrained.load_vit(vision)
    graph, state = nnx.split(vit)
    statistics = pretrained.image_statistics(vision)
    mean, std = np.array(statistics["mean"]), np.array(statistics["std"])
    size = vit.config.grid * vit.config.patch
    sums: dict[int, np.ndarray] = {}
    counts: dict[int, int] = defaultdict(int)
    problems: list[str] = []
    batches = _batches(knowledge, pictures, size, problems)
    for owners, pixels in tracked(batches, "encoding crops", "batches"):
        scaled = ((pixels / 255 - mean) / std).astype(np.float32)
        values = np.asarray(_encoded(graph, state, scaled))
        for owner, value in zip(owners, values, strict=False):  # the last batch is filled up
            sums[owner] = sums.get(owner, 0) + value
            counts[owner] += 1
    rows = knowledge.entities.rows
    labels = [rows[owner].label for owner in sorted(sums)]
    means = [sums[owner] / counts[owner] for owner in sorted(sums)]
    return labels, np.stack(means) if means else np.zeros((0, vit.config.dim)), problems


def _batches(
    knowledge: Knowledge, pictures: Path, size: int, problems: list[str]
) -> Iterator[tuple[list[int], UInt8[np.ndarray, "batch size size 3"]]]:
    owners: list[int] = []
    pixels: list[np.ndarray] = []
    for image, objects in crops(knowledge).items():
        try:
            path = find(pictures, image)
            if path is None:
                raise Refused(f"there is no picture {image[:80]!r} in {pictures}")
            picture = read_picture(path)
        except Refused as error:
            problems.append(str(error))
            continue
        for row, entity in objects:
            left, top, right, bottom = knowledge.extraction.mentions.box[row].tolist()
            owners.append(entity)
            pixels.append(crop(picture, (left, top, right, bottom), size))
            if len(pixels) == BATCH:
                yield owners, np.stack(pixels)
                owners, pixels = [], []
    if pixels:
        yield owners, np.stack(pixels + pixels[-1:] * (BATCH - len(pixels)))


@jax.jit(static_argnums=0)
def _encoded(
    graph: nnx.GraphDef[ViT], state: nnx.State, pixels: Float[Array, "batch size size 3"]
) -> Float[Array, "batch dim"]:
    """The last level at CLS, with the LayerNorm that closes it."""
    vit = nnx.merge(graph, state)
    return vit.norm(vit(pixels)[-1][:, 0])


def text_features(
    knowledge: Knowledge, encoder: str
) -> tuple[list[str], Float[np.ndarray, "n dim"]]:
    """Features of descriptions, as `roam.data.text` makes them; labels of entities, a row of each.

    Raises:
        UserError: the encoder is missing or malformed.
    """
    described = descriptions(knowledge)
    return list(described), encode(list(described.values()), encoder)
