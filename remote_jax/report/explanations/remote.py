"""REMOTE: plans of transport by level, and attention to each level of the other modality."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from remote_jax.remote.explanation import PairExplanation, Patch
from remote_jax.report.charts import Chart, Matrix
from remote_jax.report.view import Explained, Overlay

ENDS = ("head", "tail")
OTHER = {"text": "picture", "vision": "text"}


def explained(one: PairExplanation) -> Explained:
    """What a page shows of a pair."""
    names = {
        "text": [f"{place} {piece}" for place, piece in enumerate(one.pieces)],
        "vision": [f"{place} {_name(patch)}" for place, patch in enumerate(one.patches)],
    }
    charts: list[Chart] = []
    for modality, ends in one.attention.items():
        columns = names["vision" if modality == "text" else "text"]
        for end, levels in zip(ENDS, ends, strict=True):
            if levels is not None:
                charts.append(_attention(modality, end, levels, columns))
    for modality, plans in one.plans.items():
        if plans:
            charts += _plans(modality, plans, names[modality])
    return Explained(charts, overlays=list(_overlays(one)))


def _name(patch: Patch) -> str:
    seen = "depth" if patch.depth else "colour"
    return f"object {patch.object}, {seen}" if patch.object >= 0 else f"another object, {seen}"


def _attention(
    modality: str, end: str, levels: Float[np.ndarray, "l m"], columns: Sequence[str]
) -> Matrix:
    """Of an end to each level of the other modality (Eq. 9)."""
    title = f"Attention of the {end} ({modality}) to the levels of the {OTHER[modality]}"
    rows = [f"level {level}" for level in range(len(levels))]
    return Matrix(
        f"attention-of-the-{end}-over-{modality}", title, OTHER[modality], "", rows, columns, levels
    )


def _plans(
    modality: str, plans: Sequence[Float[np.ndarray, "n l n"]], names: Sequence[str]
) -> Iterator[Matrix]:
    """Each plan (Eq. 6) from all levels together, and that to the last level from each of them.

    Between all pairs of levels there are 78 plans of an encoder of 12 blocks, too many for a page.
    """
    for level, plan in enumerate(plans, start=1):
        title = f"Transport in the {modality}: to level {level}"
        if level > 1:
            title += " from all below together"
            yield Matrix("", title, "from", "to", names, names, plan.sum(1))
        else:
            yield Matrix("", f"{title} from level 0", "from", "to", names, names, plan[:, 0])
    level, last = len(plans), plans[-1]
    for source in range(level if level > 1 else 0):
        title = f"Transport in the {modality}: to level {level} from level {source}"
        name = f"transport-to-the-last-level-of-{modality}" if source == level - 1 else ""
        yield Matrix(name, title, "from", "to", names, names, last[:, source])


def _overlays(one: PairExplanation) -> Iterator[Overlay]:
    """What each end reads of the picture at every level (Figure 4)."""
    for end, levels in zip(ENDS, one.attention.get("text", ()), strict=False):
        if levels is None:
            continue
        for level, weights in enumerate(levels.tolist()):
            cells = [
                (patch.box, weight) for patch, weight in zip(one.patches, weights, strict=True)
            ]
            yield Overlay(f"Attention of the {end} to the picture", f"level {level}", cells)
