"""What the model made of chosen pairs, in words and in places of the picture (§5.2, §5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Bool, Float

from remote_jax.data.images import Box
from remote_jax.data.media import Folder
from remote_jax.remote.model.explanation import explained
from remote_jax.remote.model.remote import Remote
from remote_jax.remote.task import RemoteTask
from remote_jax.task import Batch
from remote_jax.training.evaluation import outputs_of_one
from remote_jax.training.state import Params, Skeleton


@dataclass(frozen=True)
class Patch:
    """A visual token: a patch of an object, in colour or of its depth map.

    Attributes:
        object: its number among the boxes of the pair's post; -1 if it is of another row's.
        depth: whether it is of the depth map.
        box: where it is in the picture: left, top, right, bottom in [0, 1].
    """

    object: int
    depth: bool
    box: Box


@dataclass(frozen=True)
class PairExplanation:
    """What led to the relation of a pair, for n word pieces and k patches that exist.

    A mechanism that is switched off, and a picture that is not there, leave nothing.

    Attributes:
        pieces: of the text, with markers.
        patches: what is seen of the picture.
        plans: by modality, Π* (Eq. 6) of each level from 1, [n, l, n] or [k, l, k]: from a position
            to those of each level below.
        attention: by modality, of head and tail to each level of the other modality (Eq. 9),
            [2, L, k] or [2, L, n]. Over vision it is that of an object, and None of an entity.
    """

    pieces: Sequence[str]
    patches: Sequence[Patch]
    plans: Mapping[str, Sequence[Float[np.ndarray, "n l n"]]]
    attention: Mapping[str, Sequence[Float[np.ndarray, "l m"] | None]]


def explain(
    task: RemoteTask, skeleton: Skeleton, params: Params, split: str, rows: Sequence[int]
) -> Iterator[PairExplanation]:
    """What a model made of the listed pairs in some rows of `predictions.jsonl`, one at a time.

    Args:
        task: prepared, with its data.
        skeleton, params: the model.

    Raises:
        UserError: a picture changed since the data were read.
    """

    @jax.jit
    def run(params: Params, batch: Batch) -> dict[str, jax.Array]:
        model = skeleton.model(params)
        assert isinstance(model, Remote)
        return explained(model, batch)

    examples = task.form.examples(task.pairs.examples(split), task.pairs.all_of(split))
    records, pictures = task.pairs.records(split), Folder(task.pairs.root, task.pairs.distances)
    featurize = task.form.featurize(task.tokenizer, pictures)
    for row, (number, place) in zip(rows, task.form.located(examples, rows), strict=True):
        features = featurize.map(examples[number])
        boxes, seen = records[row].boxes, featurize.boxes(examples[number])
        found = outputs_of_one(run, params, features)
        yield _explanation(
            found,
            pieces=task.tokenizer.convert_ids_to_tokens(features["tokens"].tolist()),
            patches=_patches(found.get("vision/mask"), seen, boxes, len(features["boxes"])),
            objects=features["object"].reshape(-1, 2)[place] >= 0,
            place=place,
        )


def _patches(
    mask: Bool[np.ndarray, " k"] | None,
    seen: Float[np.ndarray, "seen 4"],
    boxes: Float[np.ndarray, "objects 4"],
    room: int,
) -> list[Patch]:
    """The visual tokens that exist, as `VisualEncoding` orders them."""
    if mask is None:
        return []
    each = len(mask) // (2 * room)
    side = round(each**0.5)
    found = []
    for token in np.flatnonzero(mask).tolist():
        number, within = divmod(token, 2 * each)
        depth, patch = divmod(within, each)
        same = np.flatnonzero((boxes == seen[number]).all(-1)).tolist()
        row, column = divmod(patch, side)
        part = _part(seen[number], row, column, side)
        found.append(Patch(same[0] if same else -1, bool(depth), part))
    return found


def _part(box: Float[np.ndarray, "4"], row: int, column: int, side: int) -> Box:
    """A patch of a box that is cut into as many rows as columns."""
    left, top, right, bottom = box.tolist()
    width, height = (right - left) / side, (bottom - top) / side
    x, y = left + column * width, top + row * height
    return x, y, x + width, y + height


def _explanation(
    found: Mapping[str, np.ndarray],
    *,
    pieces: Sequence[str],
    patches: Sequence[Patch],
    objects: Bool[np.ndarray, "2"],
    place: int,
) -> PairExplanation:
    """The arrays of an example, cut to what exists and to one of its pairs."""
    mask = found["text/mask"]
    there = {"text": mask, "vision": found.get("vision/mask")}
    plans, attention = {}, {}
    for modality, other in (("text", "vision"), ("vision", "text")):
        own, read = there[modality], there[other]
        if own is None or not own.any():
            continue
        # By number: what a jitted function gives is in the order of names, and 10 is before 2.
        count = sum(name.startswith(f"{modality}/plan/") for name in found)
        levels = range(1, count + 1)
        plans[modality] = [_cut(found[f"{modality}/plan/{level}"], own) for level in levels]
        if f"{modality}/attention" in found and read is not None and read.any():
            ends = found[f"{modality}/attention"][2 * place :][:2, :, read]
            shown = objects if modality == "vision" else (True, True)
            attention[modality] = [x if yes else None for x, yes in zip(ends, shown, strict=True)]
    kept = [piece for piece, yes in zip(pieces, mask, strict=True) if yes]
    return PairExplanation(kept, patches, plans, attention)


def _cut(
    plan: Float[np.ndarray, "n m"], mask: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "n l n"]:
    """A plan between the positions that exist, by the level that a source is of."""
    return plan.reshape(len(plan), -1, len(plan))[mask][:, :, mask]
