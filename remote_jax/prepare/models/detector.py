"""Objects by a zero-shot detector of `transformers`: Grounding DINO, OWLv2 and their like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from remote_jax.data.boxes import check_box, overlap
from remote_jax.data.files import read_lines
from remote_jax.data.jsonl import check_text, show
from remote_jax.errors import Refused, UserError
from remote_jax.prepare.given import with_objects
from remote_jax.prepare.models.torch_models import TorchModel
from remote_jax.prepare.post import ObjectInPicture, PreparedPost
from remote_jax.prepare.step import Found, Unparsed

LABELS = (
    *("person", "logo", "flag", "building", "car", "ball", "trophy", "animal", "sign", "screen"),
    *("book", "instrument", "food", "boat", "airplane", "stage"),
)
"""What is looked for unless a file says something else."""

MAX_LABELS = 200
MAX_LABEL = 100


class DetectStep:
    """A `Step` that adds to the objects of a post what a detector sees of a list of labels."""

    name = "objects"

    def __init__(self, model: str, labels: Sequence[str], threshold: float, overlap: float):
        """Loads the detector.

        Args:
            threshold: least score of an object.
            overlap: of boxes from which on they are of the same object, as `given.OVERLAP`.

        Raises:
            UserError: as `TorchModel`.
        """
        self._model = TorchModel(model, "AutoModelForZeroShotObjectDetection", "AutoProcessor")
        self._labels, self._threshold, self._overlap = list(labels), threshold, overlap
        most = getattr(self._model.config, "max_text_len", None)
        count = len(self._model.processor.tokenizer(" . ".join(labels)).input_ids)
        if most is not None and count >= most:
            raise UserError(f"The labels are {count} word pieces, but {model} reads {most}.")
        self.version: Mapping[str, Any] = {
            "by": "transformers",
            **self._model.version,
            "labels": self._labels,
            "threshold": threshold,
        }

    def reads(self, post: PreparedPost) -> Sequence[Any] | None:
        return [post.picture.digest] if post.picture else None

    def ask(self, post: PreparedPost) -> Mapping[str, Any]:
        assert post.picture is not None
        image = post.picture.image
        texts = [self._labels]
        inputs = self._model.processor(images=image, text=texts, return_tensors="pt")
        outputs = self._model(inputs)
        (found,) = self._model.processor.post_process_grounded_object_detection(
            outputs,
            threshold=self._threshold,
            target_sizes=[(image.height, image.width)],
            text_labels=texts,
        )
        sides = (image.width, image.height) * 2
        boxes = [
            [x / side for x, side in zip(b, sides, strict=True)] for b in found["boxes"].tolist()
        ]
        # Grounding DINO's labels are the words of its prompt, with the stops between them.
        labels = [str(label).strip(" .") for label in found["text_labels"]]
        return {"boxes": boxes, "labels": labels, "scores": found["scores"].tolist()}

    def add(self, post: PreparedPost, answer: Mapping[str, Any]) -> Found:
        parts = [answer.get(name) for name in ("boxes", "labels", "scores")]
        if not all(isinstance(part, list) for part in parts):
            raise Unparsed(f"the detector's answer is {show(answer)}")
        objects, refused = [], []
        for place, (box, label, score) in enumerate(zip(*parts, strict=True)):
            try:
                if label not in self._labels:
                    raise Refused(f"the label of object {place} is {show(label)}, none of the list")
                inside = check_box(_clipped(box), f"the box of object {place}")
                objects.append(ObjectInPicture(inside, label=label, score=round(score, 4)))
            except Refused as error:
                refused.append(str(error))
        found = with_objects(post, without_repeats(objects, self._overlap), self._overlap)
        return Found(found.post, found.count, tuple(refused))


def _clipped(box: Sequence[float]) -> list[float]:
    """A box of a detector, whose edges may be a little outside of the picture."""
    return [min(max(edge, 0.0), 1.0) for edge in box]


def without_repeats(objects: Sequence[ObjectInPicture], most: float) -> list[ObjectInPicture]:
    """Objects, the best first; of those that overlap by `most` or more only the best."""
    kept: list[ObjectInPicture] = []
    for one in sorted(objects, key=lambda one: -(one.score or 0.0)):
        if all(overlap(one.box, other.box) < most for other in kept):
            kept.append(one)
    return kept


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels of a file, one a line.

    Raises:
        UserError: it cannot be read, or has none, too many, or one that is no text.
    """
    found = []
    for line, content in read_lines(path, 4 * MAX_LABEL):
        try:
            if isinstance(content, Refused):
                raise content
            label = check_text(content.decode().strip(), "the label")
            if len(label) > MAX_LABEL or not label.isprintable() or "." in label:
                raise Refused(
                    f"the label is {show(label)}, expected a few words without a full stop"
                )
            found.append(label.lower())
        except (Refused, UnicodeDecodeError) as error:
            raise UserError(f"{path}, line {line}: {error}.") from error
    if not 0 < len(found) <= MAX_LABELS:
        raise UserError(f"{path} has {len(found):,} labels, expected 1 to {MAX_LABELS}.")
    return tuple(dict.fromkeys(found))
