"""Cohen's and Fleiss' kappa and Krippendorff's alpha of labels, through libraries.

None stands where a coefficient is not defined: there is no item, or all labels are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import krippendorff
import numpy as np
from jaxtyping import Float, Int
from statsmodels.stats.inter_rater import cohens_kappa, fleiss_kappa

from remote_jax.annotate.agreement.items import Item, disagreements

MISSING = -1


@dataclass(frozen=True)
class Coefficients:
    """How far labels of some items agree.

    Attributes:
        items: that two people or more labelled.
        same: share of them that all who labelled it gave the same label.
        kappa: Cohen's, the mean over all two people whose is defined, by their common items.
        weighted: the same with `items.WEIGHTS`; None of labels that have no such weights.
        fleiss: Fleiss' kappa, of items that everyone labelled.
        alpha: Krippendorff's, for nominal labels, of all items.
    """

    items: int
    same: float | None
    kappa: float | None
    weighted: float | None
    fleiss: float | None
    alpha: float | None


def coefficients(items: Sequence[Item], people: Sequence[str], none: str) -> Coefficients:
    """Of the labels as they are."""
    labels = sorted({label for item in items for label in item.labels.values()})
    codes = _codes(items, people, labels)
    return _of(codes, len(labels), disagreements(labels, none))


def of_relation(items: Sequence[Item], people: Sequence[str], label: str) -> Coefficients:
    """Of one label against all others; `items` and `same` are of those that somebody gave it."""
    found = _of(_codes(items, people, [label], other=1), 2, None)
    given = [[one == label for one in item.labels.values()] for item in items]
    given = [votes for votes in given if any(votes)]
    same = sum(map(all, given)) / len(given) if given else None
    return replace(found, items=len(given), same=same)


def _codes(
    items: Sequence[Item], people: Sequence[str], labels: Sequence[str], other: int = MISSING
) -> Int[np.ndarray, "people items"]:
    """Places of labels in a list, `other` for those that are not in it."""
    places = {label: place for place, label in enumerate(labels)}
    return np.array(
        [
            [
                places.get(one.labels[name], other) if name in one.labels else MISSING
                for one in items
            ]
            for name in people
        ],
        np.int64,
    ).reshape(len(people), len(items))


def _of(
    codes: Int[np.ndarray, "people items"],
    labels: int,
    weights: Float[np.ndarray, "labels labels"] | None,
) -> Coefficients:
    codes = codes[:, (codes != MISSING).sum(0) >= 2]
    if not codes.size:
        return Coefficients(0, None, None, None, None, None)
    low = np.where(codes == MISSING, labels, codes).min(0)
    return Coefficients(
        items=codes.shape[1],
        same=float((codes.max(0) == low).mean()),
        kappa=_cohen(codes, labels, None),
        weighted=None if weights is None else _cohen(codes, labels, weights),
        fleiss=_fleiss(codes, labels),
        alpha=_alpha(codes, labels),
    )


def _cohen(
    codes: Int[np.ndarray, "people items"],
    labels: int,
    weights: Float[np.ndarray, "labels labels"] | None,
) -> float | None:
    """The mean of Cohen's kappa over all two people, by their numbers of common items."""
    values, counts = [], []
    for one, other in combinations(codes, 2):
        common = (one != MISSING) & (other != MISSING)
        if not common.any():
            continue
        table = np.zeros((labels, labels))
        np.add.at(table, (one[common], other[common]), 1)
        value = _defined(partial(cohens_kappa, table, weights, return_results=False))
        if value is not None:
            values.append(value)
            counts.append(common.sum())
    return float(np.average(values, weights=counts)) if values else None


def _fleiss(codes: Int[np.ndarray, "people items"], labels: int) -> float | None:
    whole = codes[:, (codes != MISSING).all(0)]
    if not whole.size:
        return None
    table = np.stack([(whole == label).sum(0) for label in range(labels)], axis=1)
    return _defined(partial(fleiss_kappa, table))


def _alpha(codes: Int[np.ndarray, "people items"], labels: int) -> float | None:
    if len(np.unique(codes[codes != MISSING])) < 2:
        return None
    data = np.where(codes == MISSING, np.nan, codes)
    alpha = krippendorff.alpha(
        data, value_domain=list(range(labels)), level_of_measurement="nominal"
    )
    return float(alpha)


def _defined(make: Callable[[], float]) -> float | None:
    """What a library computes; None where that is no number, as of labels that are all the same."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(make())
    return value if math.isfinite(value) else None
