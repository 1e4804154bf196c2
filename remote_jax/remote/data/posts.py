"""Posts of one's own, for `predict`: JSON lines in, the relation of every pair out.

    {"id": 7, "text": "...", "entities": [[0, 5], {"start": 9, "end": 13}], "image": "a.jpg",
     "depth": "a.npz", "objects": [[0.1, 0.2, 0.5, 0.9], {"box": [...], "caption": "..."}]}

`text` goes with spans [start, end) in characters, `tokens` (a list of words) with spans in words.
A span that starts or ends inside a word takes the whole word. Files are named relative to the
folder of the posts file. Everything but `text` or `tokens` may be left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grain
import numpy as np
from ml_collections import ConfigDict

from remote_jax.data.boxes import check_box
from remote_jax.data.files import read_lines
from remote_jax.data.images import WHOLE, Box, read_depth, read_picture
from remote_jax.data.jsonl import MAX_LINE, check_text, parse
from remote_jax.data.posts import PostMedia, check_id, items, words
from remote_jax.data.words import check_span
from remote_jax.errors import Refused
from remote_jax.remote.data.features import LAYOUTS, Features, Featurize, triplet_types
from remote_jax.remote.data.pairs import Argument, Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Answer = dict[str, Any]


@dataclass(frozen=True)
class _Post:
    """A line of the file: its pairs, and how to write down their ends; or what is wrong."""

    line: int
    id: Any = None
    pairs: tuple[Pair, ...] = ()
    ends: tuple[tuple[Answer, Answer], ...] = ()
    error: str = ""


class Posts:
    """The posts of a file.

    Attributes:
        dataset: features of every pair, `label` -1, in the order of `rows`.
    """

    dataset: grain.MapDataset[Features]

    def __init__(
        self,
        path: Path,
        tokenizer: PreTrainedTokenizerFast,
        relations: Sequence[str],
        config: ConfigDict,
    ):
        """Reads and checks every post.

        Args:
            path: JSON lines, a post each.
            tokenizer: as for `Featurize`.
            relations: the vocabulary that outputs index.
            config: `data` and `features` as the model was trained with.

        Raises:
            UserError: the file cannot be read.
        """
        self._relations = tuple(relations)
        self._posts = tuple(_read(_Reader(path, config)))
        pairs = [pair for post in self._posts for pair in post.pairs]
        numbered = [replace(pair, row=row) for row, pair in enumerate(pairs)]
        featurize = Featurize(tokenizer, path.parent, config)
        self.dataset = grain.MapDataset.source(numbered).map(featurize)

    def rows(self, outputs: Mapping[str, np.ndarray]) -> Iterator[Answer]:
        """A line for each post: its relations, or the error that kept it from having any.

        Args:
            outputs: `label` (index of the relation) and `probability` of each of `dataset`.
        """
        row = 0
        for post in self._posts:
            line: Answer = {"line": post.line}
            if post.id is not None:
                line["id"] = post.id
            if post.error:
                yield {**line, "error": post.error}
                continue
            relations = []
            for head, tail in post.ends:
                relations.append(
                    {
                        "head": head,
                        "tail": tail,
                        "relation": self._relations[int(outputs["label"][row])],
                        "probability": float(outputs["probability"][row]),
                    }
                )
                row += 1
            yield {**line, "relations": relations}


def _read(reader: _Reader) -> Iterator[_Post]:
    for number, line in read_lines(reader.path, MAX_LINE):
        id_ = None
        try:
            if isinstance(line, Refused):
                raise line
            value = parse(line)
            id_ = check_id(value.get("id"))
            yield reader.post(value, number, id_)
        except Refused as error:
            yield _Post(number, id_, error=f"{error}.")


class _Reader:
    """Checks posts of one file; reads each file that they name once."""

    def __init__(self, path: Path, config: ConfigDict):
        self.path, self.file = path, path.name
        self.types = frozenset(triplet_types(config.data.triplets))
        # As in training: where a data set lists no boxes, a picture is one object.
        self.whole_picture = LAYOUTS[config.data.name].whole_picture
        self.media = PostMedia(path)

    def post(self, value: dict[str, Any], line: int, id_: str | int | None) -> _Post:
        """The pairs of a post.

        Raises:
            Refused: something in it is wrong.
        """
        tokens, starts, ends = words(value)
        answers: list[tuple[Argument, Answer]] = []
        for index, item in enumerate(items(value, "entities")):
            answers.append(_entity(item, index, tokens, starts, ends, value.get("text")))
        boxes = []
        for index, item in enumerate(items(value, "objects")):
            box, caption = _object(item, index)
            answer = {"object": index, "box": list(box)}
            answers.append((Argument(f"[OBJ{index}]", object=index, caption=caption), answer))
            boxes.append(box)
        image = self.media.find(value, "image", read_picture)
        if image and not boxes and self.whole_picture:
            boxes.append(WHOLE)
        shared = Pair(
            tokens=tokens,
            head=Argument(""),
            tail=Argument(""),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            image=image,
            depth=self.media.find(value, "depth", read_depth),
            file=self.file,
            line=line,
        )
        pairs, written = [], []
        for head, head_answer in answers:
            for tail, tail_answer in answers:
                backward = head.object >= 0 and tail.object < 0  # mixed pairs start in the text
                pair = replace(shared, head=head, tail=tail)
                if head is not tail and not backward and pair.type in self.types:
                    pairs.append(pair)
                    written.append((head_answer, tail_answer))
        return _Post(line, id_, tuple(pairs), tuple(written))


def _entity(
    item: object,
    index: int,
    words: Sequence[str],
    starts: Sequence[int],
    ends: Sequence[int],
    text: str | None,
) -> tuple[Argument, Answer]:
    """An entity: the words that its span covers, and how it is written down."""
    what, name = f"entity {index}", ""
    span: object = item
    if isinstance(item, Mapping):
        span = [item.get("start"), item.get("end")]
        name = check_text(item["name"], f"the name of {what}") if "name" in item else ""
    start, end = check_span(span, what, len(words) if text is None else len(text))
    first, last = bisect_right(ends, start), bisect_left(starts, end)
    if first >= last:
        raise Refused(f"{what} covers no word, found [{start}, {end})")
    name = name or (" ".join(words[start:end]) if text is None else text[start:end])
    return Argument(name, span=(first, last)), {"name": name, "start": start, "end": end}


def _object(item: object, index: int) -> tuple[Box, str]:
    """An object's box and caption."""
    what = f"object {index}"
    if not isinstance(item, Mapping):
        return check_box(item, what), ""
    caption = item.get("caption") or ""
    if caption:
        caption = check_text(caption, f"the caption of {what}")
    return check_box(item.get("box"), f"the box of {what}"), caption
