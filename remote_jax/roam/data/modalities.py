"""Which modalities a config gives the entities (Table 5), and their features for the model.

`features.image` and `features.text` are a file, "" for none, or "auto": the file of that name in
the data folder, if there is one that can be read here. `features.text` may also be "names": made
here from the entities' names, or from `features.descriptions`, with the BERT of `features.encoder`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.roam.data.features import Modality, load_matrix, text_from_names
from remote_jax.roam.data.layouts import feature_files
from remote_jax.roam.data.triples import Graph

MODALITIES = ("image", "text")
SUFFIXES = (".npz", ".npy", ".safetensors")
PUBLISHED = {"image": ("image", "img_features"), "text": ("text", "text_features")}
"""Stems of files that are read where none of `SUFFIXES` is there; MoMoK's are the second."""
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
            found[name] = load_matrix(path, graph.entities, graph.naming)
    return found


def passed_over(config: ConfigDict, folder: Path) -> dict[str, str]:
    """Files of features in the folder that are not read, and what to do to have them read.

    None where no modality is `auto`: then all files that are wanted are named.
    """
    wanted = {name: config.features[name] for name in MODALITIES}
    if AUTO not in wanted.values():
        return {}
    used = {folder / value for value in wanted.values() if value}
    used |= {path for name in MODALITIES if wanted[name] == AUTO and (path := _auto(folder, name))}
    off = {stem for name in MODALITIES if not wanted[name] for stem in PUBLISHED[name]}
    kinds = (*feature_files.READERS, *feature_files.PICKLES)
    files = sorted(path for path in folder.iterdir() if path.suffix in kinds and path.is_file())
    left = [path for path in files if path not in used and path.stem not in off]
    return {path.name: feature_files.unreadable(path) or _asked_for(path) for path in left}


def _asked_for(path: Path) -> str:
    return f"--config.features.image={path.name} or .text={path.name} reads it"


def load(
    config: ConfigDict, graph: Graph, folder: Path, cache: Path, files: Mapping[str, Modality]
) -> Mapping[str, Modality]:
    """All features that `config.features` names, by modality.

    Args:
        config, graph, folder: as those of `from_files`.
        cache: where text features that are made here are kept.
        files: what `from_files` gave.

    Raises:
        UserError: the encoder or the descriptions are missing, no modality is left, or there is
            noise for features and there are none.
    """
    found = dict(files)
    if config.features.text == NAMES:
        found["text"] = _from_names(config, graph, folder, cache)
    if not found and not config.features.structure:
        raise UserError(
            "features.structure is false and there are no other features: entities would be told "
            "by nothing; give features.image or features.text."
        )
    if not found and config.features.noise:
        raise UserError(
            f"features.noise is {config.features.noise:g}, and there are no features that it could "
            "be added to; structure has none: set it to 0, or give features.image or features.text."
        )
    return found


def _auto(folder: Path, name: str) -> Path | None:
    """The file of a modality in the folder, if there is one that can be read."""
    found = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    found = [path for path in found if path.is_file()]
    if not found:
        stems = PUBLISHED[name]
        more = (folder / f"{stem}{end}" for stem in stems for end in feature_files.READERS)
        found = [path for path in more if path.is_file() and not feature_files.unreadable(path)]
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
    """Lines for a person: what the entities are told by, and what is to know about the features."""
    parts = ["structure"] if structure else []
    for name, modality in found.items():
        entities, dim = modality.values.shape
        parts.append(f"{name} ({dim} numbers of {modality.present.sum():,} of {entities:,})")
    lines = [f"Modalities: {', '.join(parts)}"]
    for name, modality in found.items():
        if said := _said(modality):
            lines.append(f"Features of {name}: {'; '.join(said)}")
    return "\n".join(lines)


def _said(modality: Modality) -> list[str]:
    """The notes of a modality as phrases."""
    notes, rows = modality.notes, int(modality.present.sum())
    said = [f"rows matched {notes['rows']}"] if "rows" in notes else []
    if "averaged" in notes:
        said.append(f"{notes['averaged']:,} entities have several rows, whose mean is taken")
    if "equal" in notes:
        said.append(f"{notes['equal']:,} of {rows:,} rows are the same")
    if "descriptions" in notes:
        total = len(modality.present)
        said.append(f"descriptions of {notes['descriptions']:,} of {total:,} entities")
    if "reduced" in notes:
        said.append(_reduced(notes["reduced"]))
    return said


def _reduced(told: Mapping[str, Any]) -> str:
    """What PCA did, from the note of `transforms.pca`."""
    if told["to"] == told["from"]:
        return f"not reduced, as model.features_dim is not below their {told['from']:,} numbers"
    return (
        f"reduced by PCA from {told['from']:,} to {told['to']:,} numbers, which hold "
        f"{told['variance']:.1%} of the variance"
    )
