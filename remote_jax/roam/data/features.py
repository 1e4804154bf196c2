"""Features of entities: a matrix a modality, and which entities have a row of their own.

    image.npy           a row an entity; or with image.ids.txt (a name a line) or image.ids.json (a
                        list) beside it, which name the rows
    image.npz           an array `features`, or a single array; `ids` in it, or beside it, name rows
    image.safetensors   likewise, `ids` beside it

`layouts.feature_files` has the other kinds of files, `layouts.matching` whose a row is. A file may
cover more entities than the graph; entities that it lacks, and those whose row is zero or NaN
throughout, have no feature. Several rows of an entity are averaged.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.data.files import read_json_value, read_lines
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import working
from remote_jax.roam.data import text
from remote_jax.roam.data.layouts import feature_files, matching
from remote_jax.roam.data.layouts.feature_files import IDS, MAX_IDS_BYTES, Names, Rows
from remote_jax.roam.data.layouts.names import AS_MET, Naming
from remote_jax.roam.data.layouts.tables import MAX_LINE, strip_brackets


@dataclass(frozen=True)
class Modality:
    """Features of one modality.

    Attributes:
        values: a row an entity, float32; zeros where there is none.
        present: which entities have features.
        sha256: of both, before PCA; or, for features that are made here, of all that they are made
            from.
        notes: what a person should know, as JSON values: `rows` how they were matched, `averaged`
            entities with several rows, `equal` rows of the largest group of equal ones,
            `descriptions` entities that a file of descriptions describes, `reduced` see
            `transforms.pca`.
    """

    values: Float[np.ndarray, "entities dim"]
    present: Bool[np.ndarray, " entities"]
    sha256: str
    notes: Mapping[str, Any] = field(default_factory=dict)


def load_matrix(path: str | Path, entities: Sequence[str], naming: Naming = AS_MET) -> Modality:
    """Features from a file, in the order of `entities`.

    Args:
        path: of a kind that `feature_files` reads.
        entities: names of the graph's entities in the order of their ids.
        naming: where the ids come from.

    Raises:
        UserError: the file is missing, malformed or too large; it is not certain whose rows it
            has; no row is an entity's; a row is partly not finite.
    """
    path = Path(path).expanduser()
    try:
        with working(f"reading {path.name}"):
            found, ids = feature_files.read(path)
    except Refused as error:
        raise UserError(f"{path}: {error}.") from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    ids = _ids_beside(path, ids)
    if ids is None:
        match = matching.by_place(path, len(found), entities, naming)
    else:
        match = matching.by_ids(path, len(found), ids, entities, naming)
    owners = match.owners
    if found.ndim == 3:
        owners = np.repeat(owners, found.shape[1])
        found = found.reshape(-1, found.shape[2])
    values, counts = _align(path, found, owners, entities)
    digest = hashlib.sha256(repr(values.shape).encode())
    digest.update(values.tobytes())
    present = counts > 0
    return Modality(values, present, digest.hexdigest(), _notes(match.how, values[present], counts))


def _notes(
    how: str, values: Float[np.ndarray, "rows dim"], counts: Int[np.ndarray, " entities"]
) -> dict[str, Any]:
    """How rows were matched, entities with several rows, and rows that are equal to others."""
    notes: dict[str, Any] = {"rows": how, "averaged": int((counts > 1).sum())}
    if (equal := _equal(values)) > 1:
        notes["equal"] = equal
    return {key: value for key, value in notes.items() if value}


def text_from_names(
    entities: Sequence[str],
    checkpoint: str | Path,
    cache: Path,
    descriptions: Path | None = None,
) -> Modality:
    """Features that a BERT makes of the entities' names, or of descriptions where there are.

    Encoded once, and kept in CACHE/text_features.

    Args:
        checkpoint: folder or hub name of any BERT that `encoders.pretrained` loads.
        descriptions: see `text.read_descriptions`.

    Returns:
        Rows of length one. Entities are missing whose name is no text (see `text.readable`) or has
        no word piece that the checkpoint knows, unless they are described.

    Raises:
        UserError: there is no such checkpoint, the descriptions are malformed or are of no entity,
            or no entity has text.
    """
    texts, described = _texts(entities, descriptions)
    key = text.fingerprint(texts, checkpoint)
    values = text.encoded(texts, checkpoint, cache / "text_features" / f"{key}.npy")
    if not values.any():
        raise UserError(
            f"{checkpoint} knows no word piece of any entity, such as {entities[0]!r}; take a "
            "checkpoint of their language."
        )
    notes = {} if descriptions is None else {"descriptions": described}
    return Modality(values, (values != 0).any(1), key, notes)


def _texts(entities: Sequence[str], descriptions: Path | None) -> tuple[list[str], int]:
    """The text of each entity, "" where there is none, and how many are descriptions."""
    described = text.read_descriptions(descriptions) if descriptions is not None else {}
    if described and not any(name in described for name in entities):
        raise UserError(
            f"{descriptions} describes no entity of the graph; its names are such as "
            f"{next(iter(described))!r}, those of the graph such as {entities[0]!r}."
        )
    texts = [described.get(name) or text.readable(name) for name in entities]
    if not any(texts):
        raise UserError(
            f"The names of the {len(entities):,} entities, such as {entities[0]!r}, are no text: "
            "give descriptions, or leave out the modality text."
        )
    return texts, sum(bool(described.get(name)) for name in entities)


def _ids_beside(path: Path, ids: Names | None) -> Names | None:
    """The ids that were found in a file, or are in the list beside it."""
    listed = [path.with_suffix(f".{IDS}{suffix}") for suffix in (".txt", ".json")]
    listed = [file for file in listed if file.is_file()]
    if len(listed) + (ids is not None) > 1:
        places = " and ".join([path.name] * (ids is not None) + [file.name for file in listed])
        raise UserError(f"{path}: its ids are in {places}; leave one of them.")
    if not listed:
        return ids
    (file,) = listed
    return _read_json(file) if file.suffix == ".json" else _read_text(file)


def _read_text(file: Path) -> list[str]:
    names = []
    for number, line in read_lines(file, MAX_LINE):
        try:
            if isinstance(line, Refused):
                raise line
            names.append(strip_brackets(line.decode().strip()))
        except (Refused, UnicodeDecodeError) as error:
            raise UserError(f"{file}, line {number}: {error}.") from error
    return names


def _read_json(file: Path) -> Names:
    ids = read_json_value(file, MAX_IDS_BYTES)
    kinds = {type(item) for item in ids} if isinstance(ids, list) else set()
    if kinds not in ({str}, {int}):
        raise UserError(f"{file} must be a list of names, or one of numbers.")
    return ids


def _align(
    path: Path, found: Rows, owners: Int[np.ndarray, " rows"], entities: Sequence[str]
) -> tuple[Float[np.ndarray, "entities dim"], Int[np.ndarray, " entities"]]:
    """A row an entity, the mean of its rows, and how many those were.

    Rows that are zero or NaN throughout count as none.
    """
    kept = np.flatnonzero(owners >= 0)
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
        values = found[kept].astype(np.float32)
    filled = (values != 0).any(1) & ~np.isnan(values).all(1)
    bad = np.flatnonzero(filled & ~np.isfinite(values).all(1))
    if len(bad):
        row = kept[bad[0]]
        raise UserError(
            f"{path}, row {row}: a feature of {entities[owners[row]]!r} is not finite in "
            "float32; a row that is NaN or zero throughout says that there is none."
        )
    if not filled.any():
        raise UserError(f"{path}: the rows of all {len(entities):,} entities are missing or zero.")
    whose = owners[kept[filled]]
    counts = np.bincount(whose, minlength=len(entities))
    aligned = np.zeros((len(entities), values.shape[1]), np.float32)
    aligned[whose] = values[filled]
    order = np.argsort(whose, kind="stable")
    ends = np.cumsum(counts)
    for entity in np.flatnonzero(counts > 1):
        rows = order[ends[entity] - counts[entity] : ends[entity]]
        aligned[entity] = values[filled][rows].mean(0, dtype=np.float64)
    return aligned, counts


def _equal(values: Float[np.ndarray, "rows dim"]) -> int:
    """Size of the largest group of equal rows."""
    groups = Counter(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in values)
    return max(groups.values())
