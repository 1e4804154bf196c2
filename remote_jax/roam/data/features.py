"""Features of entities: a matrix a modality, and which entities have a row of their own.

    image.npy           a row an entity, in the order of ids; or with image.ids.txt (a name a line)
                        or image.ids.json (a list) beside it, which name the rows
    image.npz           an array `features`, or a single array; `ids` in it, or beside it, name rows
    image.safetensors   likewise, `ids` beside it

Rows are named by the names of entities, or by their ids. A file may cover more entities than the
graph; entities that it lacks, and those whose row is zero or NaN throughout, have no feature.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from safetensors import SafetensorError, safe_open

from remote_jax.data import arrays
from remote_jax.data.files import read_json_value, read_lines
from remote_jax.errors import Refused, UserError
from remote_jax.roam.data import text, triples

FEATURES, IDS = "features", "ids"
MAX_BYTES = 4 * 2**30
"""Largest matrix of features, decompressed."""
MAX_IDS_BYTES = 2**29

Matrix = Shaped[np.ndarray, "rows dim"]
Names = list[str] | list[int]


@dataclass(frozen=True)
class Modality:
    """Features of one modality.

    Attributes:
        values: a row an entity, float32; zeros where there is none.
        present: which entities have features.
        sha256: of both; or, for features that are made here, of all that they are made from.
    """

    values: Float[np.ndarray, "entities dim"]
    present: Bool[np.ndarray, " entities"]
    sha256: str


def load_matrix(path: str | Path, entities: Sequence[str]) -> Modality:
    """Features from a file, in the order of `entities`.

    Args:
        path: of a kind above; nothing in it is unpickled.
        entities: names of the graph's entities in the order of their ids.

    Raises:
        UserError: the file is missing, malformed or too large; it has another number of rows than
            ids, or than entities where it has no ids; no row is an entity's; a row is partly not
            finite.
    """
    path = Path(path).expanduser()
    if path.suffix not in _READERS:
        raise UserError(f"{path}: features are read from {', '.join(_READERS)} files.")
    try:
        found, ids = _READERS[path.suffix](path)
    except Refused as error:
        raise UserError(f"{path}: {error}.") from error
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from error
    ids = _ids_beside(path, ids)
    rows = _rows(path, len(found), ids, entities)
    return _align(path, found, rows, entities)


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
    texts = _texts(entities, descriptions)
    key = text.fingerprint(texts, checkpoint)
    values = text.encoded(texts, checkpoint, cache / "text_features" / f"{key}.npy")
    if not values.any():
        raise UserError(
            f"{checkpoint} knows no word piece of any entity, such as {entities[0]!r}; take a "
            "checkpoint of their language."
        )
    return Modality(values, (values != 0).any(1), key)


def _texts(entities: Sequence[str], descriptions: Path | None) -> list[str]:
    """The text of each entity, "" where there is none."""
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
    return texts


def _read_npy(path: Path) -> tuple[Matrix, None]:
    with path.open("rb") as file:
        try:
            return arrays.read_npy(file, arrays.MATRIX, MAX_BYTES), None
        except (Refused, OSError):
            raise
        except Exception as error:  # whatever a broken file provokes
            raise Refused(f"no whole .npy file ({error})") from error


def _read_npz(path: Path) -> tuple[Matrix, Names | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            chosen = _choose(name for name in names if name != IDS)
            values = arrays.read_member(archive, chosen, arrays.MATRIX, MAX_BYTES)
            if IDS not in names:
                return values, None
            ids = arrays.read_member(archive, IDS, arrays.LIST, MAX_IDS_BYTES)
    except (Refused, OSError):
        raise
    except Exception as error:  # zip and npy readers raise whatever a broken file provokes
        raise Refused(f"no whole .npz file ({error})") from error
    if ids.dtype.kind == "S":
        ids = np.char.decode(ids, "utf-8", "replace")
    return values, ids.tolist()


def _read_safetensors(path: Path) -> tuple[Matrix, None]:
    if path.stat().st_size > MAX_BYTES:
        raise Refused(f"it is longer than {MAX_BYTES:,} bytes")
    try:
        with safe_open(path, framework="np") as file:
            values = file.get_tensor(_choose(file.keys()))
    except SafetensorError as error:
        raise Refused(f"no whole safetensors file ({error})") from error
    numbers = (jnp.floating, jnp.integer)  # NumPy does not count bfloat16 among them
    known = any(jnp.issubdtype(values.dtype, kind) for kind in numbers)
    if not known or values.ndim != 2 or not values.size:
        raise Refused(f"expected {arrays.MATRIX.what}, found {values.dtype} of {values.shape}")
    return values, None


_READERS = {".npy": _read_npy, ".npz": _read_npz, ".safetensors": _read_safetensors}


def _choose(names: Iterable[str]) -> str:
    """The array `features`, or else the only one."""
    names = list(names)
    if FEATURES in names:
        return FEATURES
    if len(names) != 1:
        found = ", ".join(sorted(names)[:5]) or "none"
        raise Refused(f"expected an array {FEATURES!r} or a single one, found {found}")
    return names[0]


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
    for number, line in read_lines(file, triples.MAX_LINE):
        try:
            if isinstance(line, Refused):
                raise line
            names.append(triples.strip_brackets(line.decode().strip()))
        except (Refused, UnicodeDecodeError) as error:
            raise UserError(f"{file}, line {number}: {error}.") from error
    return names


def _read_json(file: Path) -> Names:
    ids = read_json_value(file, MAX_IDS_BYTES)
    kinds = {type(item) for item in ids} if isinstance(ids, list) else set()
    if kinds not in ({str}, {int}):
        raise UserError(f"{file} must be a list of names, or one of numbers.")
    return ids


def _rows(
    path: Path, count: int, ids: Names | None, entities: Sequence[str]
) -> Int[np.ndarray, " entities"]:
    """The row of each entity, -1 where there is none."""
    if ids is None:
        if count != len(entities):
            raise UserError(
                f"{path} has {count:,} rows for {len(entities):,} entities; name its rows in "
                f"{path.stem}.{IDS}.txt, or give a row to each entity."
            )
        return np.arange(count)
    if len(ids) != count:
        raise UserError(f"{path} has {count:,} rows, and its ids are {len(ids):,}.")
    if _are_numbers(ids, entities):
        numbers = [int(number) for number in ids]
        beyond = [number for number in numbers if not 0 <= number < len(entities)]
        if beyond:
            raise UserError(
                f"{path}: its ids name the entity {beyond[0]}, expected 0 to {len(entities) - 1}."
            )
    else:
        known = {name: index for index, name in enumerate(entities)}
        numbers = [known.get(triples.strip_brackets(str(name)), -1) for name in ids]
    rows = np.full(len(entities), -1)
    for row, number in enumerate(numbers):
        if number >= 0 and rows[number] >= 0:
            raise UserError(f"{path}: its ids name {entities[number]!r} twice.")
        if number >= 0:
            rows[number] = row
    if not (rows >= 0).any():
        raise UserError(
            f"{path}: none of its ids is an entity; its names are such as {ids[0]!r}, those of "
            f"the graph such as {entities[0]!r}."
        )
    return rows


def _are_numbers(ids: Names, entities: Sequence[str]) -> bool:
    """Whether `ids` are ids of entities; written as text they are, unless names are numbers too."""
    if isinstance(ids[0], int):
        return True
    number = triples.ID.fullmatch
    return all(number(name) for name in ids) and not all(number(name) for name in entities)


def _align(
    path: Path, found: Matrix, rows: Int[np.ndarray, " entities"], entities: Sequence[str]
) -> Modality:
    """A row an entity; those that are zero or NaN throughout are missing."""
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
        values = found[np.maximum(rows, 0)].astype(np.float32)
    present = (rows >= 0) & (values != 0).any(1) & ~np.isnan(values).all(1)
    bad = np.flatnonzero(present & ~np.isfinite(values).all(1))
    if len(bad):
        raise UserError(
            f"{path}, row {rows[bad[0]]}: a feature of {entities[bad[0]]!r} is not finite in "
            "float32; a row that is NaN or zero throughout says that there is none."
        )
    if not present.any():
        raise UserError(f"{path}: the rows of all {len(entities):,} entities are missing or zero.")
    values[~present] = 0
    digest = hashlib.sha256(repr(values.shape).encode())
    digest.update(values.tobytes())
    return Modality(values, present, digest.hexdigest())
