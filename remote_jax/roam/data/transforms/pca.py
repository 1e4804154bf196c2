"""Principal components of a modality's features (Pearson 1901), for `model.features_dim`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import scipy.linalg
from jaxtyping import Float

from remote_jax.errors import UserError
from remote_jax.reporting.progress import working
from remote_jax.roam.data.features import Modality

BLOCK = 4096
"""Rows that are held in float64 at a time."""


def reduced(found: Mapping[str, Modality], dim: int) -> dict[str, Modality]:
    """Features of `dim` numbers at most, by modality; with `dim` 0 as they are.

    Components are those of the entities that have the modality. The note `reduced` says `from` and
    `to` how many numbers, and the share of the `variance` that they hold.

    Raises:
        UserError: there are no features to reduce.
    """
    if not dim:
        return dict(found)
    if not found:
        raise UserError(
            f"model.features_dim is {dim}, and there are no features to reduce: set it to 0, or "
            "give features.image or features.text."
        )
    done = {}
    for name, modality in found.items():
        with working(f"reducing features of {name}"):
            done[name] = _reduced(modality, dim)
    return done


def _reduced(modality: Modality, dim: int) -> Modality:
    width, values, share = modality.values.shape[1], modality.values, 1.0
    if dim < width:
        rows, share = principal(values[modality.present], dim)
        values = np.zeros((len(values), rows.shape[1]), np.float32)
        values[modality.present] = rows
    told = {"from": width, "to": values.shape[1], "variance": share}
    return replace(modality, values=values, notes={**modality.notes, "reduced": told})


def principal(rows: Float[np.ndarray, "n f"], dim: int) -> tuple[Float[np.ndarray, "n d"], float]:
    """Rows along their first principal components, and the share of the variance in these.

    The mean is removed. Numbers are not divided by their deviations: those of an encoder have one
    unit, in which distances between entities mean something, and numbers that hardly differ would
    weigh as much as those that tell entities apart. With all components distances stay as they are.

    Args:
        dim: of the components; there are no more than rows.
    """
    mean, width = rows.mean(0, dtype=np.float64), rows.shape[1]
    if len(rows) < width:
        centred = rows - mean
        products = centred @ centred.T
    else:
        products = np.zeros((width, width))
        for block in _centred(rows, mean):
            products += block.T @ block
    total = float(np.trace(products))
    values, vectors = _leading(products, dim)
    if len(rows) < width:
        scores = vectors * np.sqrt(np.maximum(values, 0.0))
    else:
        scores = np.concatenate([block @ vectors for block in _centred(rows, mean)])
    # A component has no sign of its own; LAPACK's differs between machines.
    largest = np.take_along_axis(scores, np.abs(scores).argmax(0)[None], 0)
    share = float(values.sum()) / total if total else 1.0
    return (scores * np.where(largest < 0, -1.0, 1.0)).astype(np.float32), min(share, 1.0)


def _centred(
    rows: Float[np.ndarray, "n f"], mean: Float[np.ndarray, " f"]
) -> Iterator[Float[np.ndarray, "b f"]]:
    """The rows less their mean, some at a time."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK] - mean


def _leading(
    products: Float[np.ndarray, "s s"], count: int
) -> tuple[Float[np.ndarray, " c"], Float[np.ndarray, "s c"]]:
    """The largest eigenvalues and their vectors, the largest first; `products` is used up."""
    size = len(products)
    wanted = (max(size - count, 0), size - 1)
    values, vectors = scipy.linalg.eigh(products, subset_by_index=wanted, overwrite_a=True)
    return values[::-1], vectors[:, ::-1]
