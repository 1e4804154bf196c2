"""Files of parses.

A data folder may bring parses of its own: beside an annotation file `train.json` a file
`train.parses.npz`, with a parse for each row of it, in their order. It has the arrays

    words               int  [rows]   words of each row
    heads               int  [sum]    the head of each word of its row, from 0; a root is its own
    dependencies, pos   int  [sum]    numbers of labels
    dependencies_names  uint8         the labels, a list in JSON, as bytes; so also pos_names

so that there is nothing to unpickle.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from remote_jax.data import arrays
from remote_jax.data.files import read_bytes
from remote_jax.eega.graphs.trees import Parse
from remote_jax.errors import Refused, UserError, reason

KINDS = ("dependencies", "pos")
MAX_BYTES = 2**28
"""Longest file, and longest array in it."""


def write(path: Path, parses: Sequence[Parse]) -> None:
    """Writes what `read` reads; it lands in its place whole."""
    found: dict[str, np.ndarray] = {
        "words": np.array([len(one.heads) for one in parses], np.int32),
        "heads": np.concatenate([np.zeros(0, np.int32), *(one.heads for one in parses)]),
    }
    for kind in KINDS:
        labels = [label for one in parses for label in getattr(one, kind)]
        names = sorted(set(labels))
        number = {name: place for place, name in enumerate(names)}
        found[kind] = np.array([number[label] for label in labels], np.int32)
        found[f"{kind}_names"] = np.frombuffer(json.dumps(names).encode(), np.uint8)
    content = io.BytesIO()
    np.savez_compressed(content, **found)  # type: ignore[arg-type]
    partial = path.with_suffix(".partial")
    partial.write_bytes(content.getvalue())
    partial.replace(path)


def read(path: Path) -> list[Parse]:
    """The parses of a file; what is in each is not checked yet.

    Raises:
        UserError: it is not as `write` makes it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path, MAX_BYTES))) as archive:
            return _parses(archive)
    except Refused as error:
        raise UserError(f"{path}: {error}.") from error
    except Exception as error:  # zip and npy readers raise whatever a broken file provokes
        raise UserError(f"{path} cannot be read as parses: {reason(error)}.") from error


def _parses(archive: zipfile.ZipFile) -> list[Parse]:
    words, heads = (_numbers(archive, name) for name in ("words", "heads"))
    if (words < 1).any() or words.sum() != len(heads):
        raise Refused(f"'words' must be above 0 and be {len(heads):,} in all, as 'heads' has")
    ends = words.cumsum()[:-1]
    labels = []
    for kind in KINDS:
        numbers, names = _numbers(archive, kind), _names(archive, f"{kind}_names")
        if len(numbers) != len(heads) or (numbers < 0).any() or (numbers >= len(names)).any():
            raise Refused(f"{kind!r} must be {len(heads):,} numbers below {len(names):,}")
        labels.append([tuple([names[i] for i in one]) for one in np.split(numbers, ends)])
    return [Parse(*one) for one in zip(np.split(heads, ends), *labels, strict=True)]


def _numbers(archive: zipfile.ZipFile, name: str) -> Int[np.ndarray, " numbers"]:
    values = arrays.read_member(archive, name, arrays.NUMBERS, MAX_BYTES)
    if np.abs(values.astype(np.float64)).max() >= 2**31:
        raise Refused(f"{name!r} has a number of 32 bits and more")
    return values.astype(np.int32)


def _names(archive: zipfile.ZipFile, name: str) -> list[str]:
    values = arrays.read_member(archive, name, arrays.NUMBERS, MAX_BYTES)
    names = json.loads(values.astype(np.uint8).tobytes())
    if not isinstance(names, list) or not all(type(label) is str for label in names):
        raise Refused(f"{name!r} is no list of labels")
    return names
