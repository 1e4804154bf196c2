"""Which modalities a config gives the entities (Table 5), and their features for the model.

`features.image` and `features.text` are a file, "" for none, or "auto": the file of that name in
the data folder, if there is one. `features.text` may also be "names": made here from the entities'
names, or from `features.descriptions`, with the BERT of `features.encoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.roam.data.features import Modality, load_matrix, text_from_names
from remote_jax.roam.data.triples import Graph

MODALITIES = ("image", "text")
SUFFIXES = (".npz", ".npy", ".safetensors")
AUTO, NAMES = "auto", "names"


def from_files(config: ConfigDict, graph: Graph, folder: Path) -> Mapping[str, Modality]:
    """The features that `config.features` has in files, by modality.

    Args:
        config: the whole config.
        folder: of the graph; relative paths of features start there.

    Raises:
        UserError: a file is missing or malformed.
    """
    found = {}
    for name in MODALITIES:
        wanted = config.features[name]
        if name == "text" and wanted == NAMES:
            continue
        if path := _auto(folder, name) if wanted == AUTO else wanted and folder / wanted:
            found[name] = load_matrix(path, graph.entities)
    return found


def load(
    config: ConfigDict, graph: Graph, folder: Path, cache: Path, files: Mapping[str, Modality]
) -> Mapping[str, Modality]:
    """All features that `config.features` names, by modality.

    Args:
        config, graph, folder: as those of `from_files`.
        cache: where text features that are made here are kept.
        files: what `from_files` gave.

    Raises:
        UserError: the encoder or the descriptions are missing, or no modality is left.
    """
    found = dict(files)
    if config.features.text == NAMES:
        found["text"] = _from_names(config, graph, folder, cache)
    if not found and not config.features.structure:
        raise UserError(
            "features.structure is false and there are no other features: entities would be told "
            "by nothing; give features.image or features.text."
        )
    return found


def _auto(folder: Path, name: str) -> Path | None:
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    found = [path for path in found if path.is_file()]
    if len(found) > 1:
        several = " and ".join(path.name for path in found)
        raise UserError(f"{folder} has several files of features: {several}; name one of them.")
    return found[0] if found else None


def _from_names(config: ConfigDict, graph: Graph, folder: Path, cache: Path) -> Modality:
    features = config.features
    if not features.encoder:
        raise UserError(
            'features.text is "names", which needs a BERT to read them: set features.encoder to a '
            "folder or hub name."
        )
    described = folder / features.descriptions if features.descriptions else None
    return text_from_names(graph.entities, features.encoder, cache, described)


def describe(found: Mapping[str, Modality], *, structure: bool) -> str:
    """A line for a person: what the entities are told by."""
    parts = ["structure"] if structure else []
    for name, modality in found.items():
        entities, dim = modality.values.shape
        parts.append(f"{name} ({dim} numbers of {modality.present.sum():,} of {entities:,})")
    return f"Modalities: {', '.join(parts)}"


def standardised(
    modality: Modality, *, noise: float, seed: int
) -> Float[np.ndarray, "entities dim"]:
    """Features around 0, of length 1 on average, whatever the scale of their file; 0 where absent.

    An expert's first layer sums over all numbers of an entity, and under Adam each of its weights
    moves by the learning rate: with variance 1 a step turned the hidden units over, and names were
    learnt by heart (MKG-Y, structure and names, validation MRR after 222 steps: 0.14).

    Args:
        noise: deviation of Gaussian noise added to each number, as a share of that of the features
            (Table 11).
        seed: of the noise.
    """
    present = modality.values[modality.present]
    centred = present - present.mean(0)
    scaled = centred / max(float(centred.std()), float(np.finfo(np.float32).tiny))
    if noise:
        scaled = scaled + noise * np.random.default_rng(seed).normal(size=scaled.shape)
    values = np.zeros_like(modality.values)
    values[modality.present] = scaled / scaled.shape[1] ** 0.5
    return values
