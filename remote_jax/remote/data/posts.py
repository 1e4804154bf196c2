"""User-supplied posts, for `predict`: JSON lines in, the relation of every pair out.

    {"id": 7, "text": "...", "entities": [[0, 5], {"start": 9, "end": 13}], "image": "a.jpg",
     "depth": "a.npz", "objects": [[0.1, 0.2, 0.5, 0.9], {"box": [...], "caption": "..."}]}

`text` goes with spans [start, end) in characters, `tokens` (a list of words) with spans in words.
A span that starts or ends inside a word takes the whole word. In a file of posts, pictures are
named relative to its folder. Everything but `text` or `tokens` may be left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import grain
import numpy as np
from ml_collections import ConfigDict

from remote_jax.data.boxes import check_box
from remote_jax.data.images import WHOLE, Box
from remote_jax.data.jsonl import check_text
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import OBJECT_KEYS, POST_KEYS, Values, check_keys, checked, items, words
from remote_jax.data.words import check_span
from remote_jax.errors import Refused
from remote_jax.remote import answers
from remote_jax.remote.answers import EntityArgument, ObjectArgument, Relation, Relations
from remote_jax.remote.data.features import LAYOUTS, Features, Featurize, triplet_types
from remote_jax.remote.data.pairs import Argument, Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class _Post:
    """The pairs of a post, and how their ends are written down."""

    pairs: tuple[Pair, ...]
    ends: tuple[tuple[answers.Argument, answers.Argument], ...]


class Posts:
    """Posts that are read and checked.

    Attributes:
        dataset: features of every pair, `label` -1, in the order of `answers`.
    """

    dataset: grain.MapDataset[Features]

    def __init__(
        self,
        posts: Iterable[Values],
        media: PostMedia,
        tokenizer: PreTrainedTokenizerFast,
        relations: Sequence[str],
        config: ConfigDict,
    ):
        """Reads and checks every post.

        Args:
            posts: as the head of this file has them.
            media: finds their pictures.
            tokenizer: as for `Featurize`.
            relations: the vocabulary that outputs index.
            config: `data` and `features` as the model was trained with.
        """
        self._relations = tuple(relations)
        self._posts = tuple(checked(posts, _Reader(media, config).post, POST_KEYS))
        found = [post for _, post in self._posts if isinstance(post, _Post)]
        pairs = [pair for post in found for pair in post.pairs]
        numbered = [replace(pair, row=row) for row, pair in enumerate(pairs)]
        self.dataset = grain.MapDataset.source(numbered).map(Featurize(tokenizer, media, config))

    def answers(self, outputs: Mapping[str, np.ndarray]) -> Iterator[Relations]:
        """Of each post its relations, or the error that kept it from having any.

        Args:
            outputs: `label` (index of the relation) and `probability` of each of `dataset`.
        """
        row = 0
        for id_, post in self._posts:
            if isinstance(post, str):
                yield Relations(id=id_, error=post)
                continue
            found = []
            for head, tail in post.ends:
                relation = self._relations[int(outputs["label"][row])]
                found.append(Relation(head, tail, relation, float(outputs["probability"][row])))
                row += 1
            yield Relations(id=id_, relations=tuple(found))


class _Reader:
    """Checks posts."""

    def __init__(self, media: PostMedia, config: ConfigDict):
        self.media, self.language = media, config.data.language
        self.types = frozenset(triplet_types(config.data.triplets))
        # As in training: where a data set lists no boxes, a picture is one object.
        self.whole_picture = LAYOUTS[config.data.name].whole_picture

    def post(self, value: Mapping[str, Any]) -> _Post:
        """The pairs of a post.

        Raises:
            Refused: something in it is wrong.
        """
        tokens, starts, ends = words(value, self.language)
        found: list[tuple[Argument, answers.Argument]] = []
        for index, item in enumerate(items(value, "entities")):
            found.append(_entity(item, index, tokens, starts, ends, value.get("text")))
        boxes = []
        for index, item in enumerate(items(value, "objects")):
            box, caption = _object(item, index)
            argument = Argument(f"[OBJ{index}]", object=index, caption=caption)
            found.append((argument, ObjectArgument(index, box)))
            boxes.append(box)
        image = self.media.find(value, "image")
        if image and not boxes and self.whole_picture:
            boxes.append(WHOLE)
        shared = Pair(
            tokens=tokens,
            head=Argument(""),
            tail=Argument(""),
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            image=image,
            depth=self.media.find(value, "depth"),
        )
        pairs, written = [], []
        for head, head_answer in found:
            for tail, tail_answer in found:
                backward = head.object >= 0 and tail.object < 0  # mixed pairs start in the text
                pair = replace(shared, head=head, tail=tail)
                if head is not tail and not backward and pair.type in self.types:
                    pairs.append(pair)
                    written.append((head_answer, tail_answer))
        return _Post(tuple(pairs), tuple(written))


def _entity(
    item: object,
    index: int,
    words: Sequence[str],
    starts: Sequence[int],
    ends: Sequence[int],
    text: str | None,
) -> tuple[Argument, EntityArgument]:
    """An entity: the words that its span covers, and how it is written down."""
    what, name = f"entity {index}", ""
    span: object = item
    if isinstance(item, Mapping):
        check_keys(item, ("start", "end", "name"), what)
        span = [item.get("start"), item.get("end")]
        name = check_text(item["name"], f"the name of {what}") if "name" in item else ""
    start, end = check_span(span, what, len(words) if text is None else len(text))
    first, last = bisect_right(ends, start), bisect_left(starts, end)
    if first >= last:
        raise Refused(f"{what} covers no word, found [{start}, {end})")
    name = name or (" ".join(words[start:end]) if text is None else text[start:end])
    return Argument(name, span=(first, last)), EntityArgument(name, start, end)


def _object(item: object, index: int) -> tuple[Box, str]:
    """An object's box and caption."""
    what = f"object {index}"
    if not isinstance(item, Mapping):
        return check_box(item, what), ""
    check_keys(item, OBJECT_KEYS, what)
    caption = item.get("caption") or ""
    if caption:
        caption = check_text(caption, f"the caption of {what}")
    return check_box(item.get("box"), f"the box of {what}"), caption
