"""User-supplied posts, for `predict`: JSON lines in, the relations between their pairs out.

    {"id": 7, "text": "...", "entities": [[0, 5], {"start": 9, "end": 13, "type": "per"}],
     "image": "a.jpg", "depth": "a.npz",
     "objects": [[0.1, 0.2, 0.5, 0.9], {"box": [...], "caption": "...", "type": "org"}]}

`text` goes with spans [start, end) in characters, `tokens` (a list of words) with spans in words.
A span that starts or ends inside a word takes the whole word. In a file of posts, pictures are
named relative to its folder. Everything but `text` or `tokens` may be left out. A pair is asked in
the orders that training pairs had (`orders`); with types, relations that contradict them are not
offered.
"""

from __future__ import annotations

import functools
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool
from ml_collections import ConfigDict

from remote_jax.config.run_buckets import WORTH_CUTTING, RunBuckets
from remote_jax.data.batches.buckets import Buckets
from remote_jax.data.batches.in_thread import Mapped
from remote_jax.data.boxes import check_box
from remote_jax.data.images import WHOLE, Box
from remote_jax.data.media import PostMedia
from remote_jax.data.posts import (
    OBJECT_KEYS,
    POST_KEYS,
    Values,
    check_keys,
    checked,
    items,
    text_of,
    words,
)
from remote_jax.data.words import check_span
from remote_jax.errors import Refused
from remote_jax.remote import answers, decisions
from remote_jax.remote.answers import EntityArgument, ObjectArgument, Relation, Relations
from remote_jax.remote.data.annotations.relation_labels import fit, types_of
from remote_jax.remote.data.dataset import LAYOUTS, triplet_types
from remote_jax.remote.data.features import Features, Featurizes
from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.pairs import WHOLE_PICTURE, Argument, Pair, order_of
from remote_jax.remote.data.together.form import Form

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOGETHER = 48
"""Pairs that are read together of many posts (`model.pairs=shared`): a text is read less often."""

ENTITY_KEYS = ("start", "end", "name", "type")


@dataclass(frozen=True)
class _Post:
    """The pairs of a post that are asked, and how their ends are written down.

    Attributes:
        partner: the place of each pair's other order, -1 where that is not asked.
        fitting: which relations fit the types of the ends, where these are known.
        unread: words that the model does not read, at most, of any pair.
    """

    pairs: tuple[Pair, ...]
    ends: tuple[tuple[answers.Argument, answers.Argument], ...]
    partner: tuple[int, ...]
    fitting: Bool[np.ndarray, "pairs relations"]
    unread: int = 0


class Posts:
    """Posts that are read and checked.

    Attributes:
        dataset: features of every example (`Form`), pairs in the order of `answers`.
        buckets: what batches of it are cut to.
    """

    dataset: Mapped[Features]
    buckets: Buckets | None

    def __init__(
        self,
        posts: Iterable[Values],
        media: PostMedia,
        tokenizer: PreTrainedTokenizerFast,
        relations: Sequence[str],
        orders: Orders,
        config: ConfigDict,
        buckets: RunBuckets | None = None,
    ):
        """Reads and checks every post.

        Args:
            posts: as the head of this file has them.
            media: finds their pictures.
            tokenizer: as for `Featurize`.
            relations: the vocabulary that outputs index.
            orders: of the training pairs.
            config: `data` and `features` as the model was trained with.
            buckets: of the run; None: batches are not cut.
        """
        self._relations, self._orders = tuple(relations), orders
        featurize = Form(config).featurize(tokenizer, media)
        reader = _Reader(media, self._relations, orders, featurize, config)
        self._posts = tuple(checked(posts, reader.post, POST_KEYS))
        found = [post for _, post in self._posts if isinstance(post, _Post)]
        many = sum(len(one.pairs) for one in found) >= WORTH_CUTTING
        form = Form(config, together=TOGETHER if many and buckets and buckets.cuts else 0)
        featurize = form.featurize(tokenizer, media)
        cut = [post.unread > 0 for post in found]
        examples = form.examples_of_posts([post.pairs for post in found], cut=cut)
        self.dataset = Mapped(examples, featurize.map)
        self.buckets = None
        if buckets is not None:
            self.buckets = buckets.of_posts(len(examples), lambda: featurize.extents(examples))

    def answers(self, outputs: Mapping[str, np.ndarray]) -> Iterator[Relations]:
        """Of each post its relations, or the error that kept it from having any.

        Args:
            outputs: `logits` of each pair, `temperature` and `threshold`.
        """
        row = 0
        for id_, post in self._posts:
            if isinstance(post, str):
                yield Relations(id=id_, error=post)
                continue
            rows = slice(row, row + len(post.pairs))
            found = self._found(post, outputs, rows) if post.pairs else ()
            yield Relations(
                id=id_,
                relations=found,
                asked=len(post.pairs),
                threshold=float(outputs["threshold"]),
                unread=post.unread,
            )
            row = rows.stop

    def _found(
        self, post: _Post, outputs: Mapping[str, np.ndarray], rows: slice
    ) -> tuple[Relation, ...]:
        """The relations of a post, the likeliest first."""
        types, backward = (
            np.array([getattr(pair, name) for pair in post.pairs]) for name in ("type", "backward")
        )
        offered = self._orders.offers(types, backward) & post.fitting
        temperature, threshold = float(outputs["temperature"]), float(outputs["threshold"])
        probabilities = decisions.probabilities(outputs["logits"][rows], temperature)
        kept = decisions.candidates(probabilities, offered, np.array(post.partner), backward)
        found = [
            Relation(*post.ends[pair], self._relations[relation], float(kept[pair, relation]))
            for pair, relation in np.argwhere(decisions.answered(kept, threshold)).tolist()
        ]
        return tuple(sorted(found, key=lambda one: -one.probability))


class _Reader:
    """Checks posts."""

    def __init__(
        self,
        media: PostMedia,
        relations: Sequence[str],
        orders: Orders,
        featurize: Featurizes,
        config: ConfigDict,
    ):
        self.media, self.featurize = media, featurize
        self.language = config.data.language
        self.asked = orders.asked
        self.rows, self._fits = itertools.count(), dict[tuple[str, str], list[bool]]()
        self.relations = relations
        self.known_types = {one for name in relations for one in types_of(name) or ()}
        self.types = frozenset(triplet_types(config.data.triplets))
        self.sees = config.features.picture or config.features.depth
        # As in training: where a data set lists no boxes, a picture is one object.
        self.whole_picture = LAYOUTS[config.data.name].whole_picture

    def post(self, value: Mapping[str, Any]) -> _Post:
        """The pairs of a post.

        Raises:
            Refused: something in it is wrong.
        """
        tokens, starts, ends = words(value, self.language)
        found: list[_End] = []
        for index, item in enumerate(items(value, "entities")):
            found.append(_entity(item, index, tokens, starts, ends, value.get("text")))
        boxes = []
        for index, item in enumerate(items(value, "objects")):
            end, box = _object(item, index)
            found.append(end)
            boxes.append(box)
        image, depth = self.media.find(value, "image"), self.media.find(value, "depth")
        if boxes and self.sees and not image and not depth:
            raise Refused(
                "the post has 'objects', but neither the 'image' nor the 'depth' that shows them"
            )
        if image and not boxes and self.whole_picture:
            boxes.append(WHOLE)
        shown = [end.argument for end in found if end.argument.object >= 0]
        shared = functools.partial(
            Pair,
            tokens,
            boxes=np.array(boxes, np.float32).reshape(-1, 4),
            image=image,
            depth=depth,
            objects=tuple([one.name for one in shown]) or (WHOLE_PICTURE,) * len(boxes),
            captions=tuple([one.caption for one in shown]) or ("",) * len(boxes),
        )
        return self._paired(shared, found)

    def _paired(self, shared: Callable[..., Pair], found: Sequence[_End]) -> _Post:
        """Each pair of ends, in the orders that are asked.

        Args:
            shared: makes a pair of the post from its head and tail.
        """
        for place, end in enumerate(found):
            if end.type and end.type not in self.known_types:
                known = ", ".join(sorted(self.known_types)) or "none; leave it out"
                raise Refused(
                    f"the type {end.type!r} of end {place} is none that relations are named by: "
                    f"{known}"
                )
        pairs: list[Pair] = []
        chosen: list[tuple[_End, _End]] = []
        partner: list[int] = []
        for one, other in combinations(found, 2):
            if one.argument.span is not None and one.argument.span == other.argument.span:
                continue  # the same entity twice
            first = len(pairs)
            for head, tail in ((one, other), (other, one)):
                kind, back = order_of(head.argument, tail.argument)
                if kind in self.types and self.asked[kind, int(back)]:
                    pairs.append(shared(head.argument, tail.argument, row=next(self.rows)))
                    chosen.append((head, tail))
            both = len(pairs) - first == 2
            partner += [first + 1, first] if both else [-1] * (len(pairs) - first)
        fitting = np.array([self._fit(head.type, tail.type) for head, tail in chosen], bool)
        return _Post(
            tuple(pairs),
            tuple((head.answer, tail.answer) for head, tail in chosen),
            tuple(partner),
            fitting.reshape(-1, len(self.relations)),
            self.featurize.unread(pairs),
        )

    def _fit(self, head: str, tail: str) -> list[bool]:
        """`fit` of the model's relations, looked up once for each pair of types."""
        if (head, tail) not in self._fits:
            self._fits[head, tail] = fit(self.relations, head, tail)
        return self._fits[head, tail]


@dataclass(frozen=True)
class _End:
    """An entity or object of a post: as the model reads it, and as it is answered.

    Attributes:
        type: as relations write it, as in `/per/org/member_of`; "" where it is not known.
    """

    argument: Argument
    answer: answers.Argument
    type: str = ""


def _type(item: Mapping[str, Any], what: str) -> str:
    """The type that an end is said to have, in lower case."""
    return text_of(item, "type", what).lower()


def _entity(
    item: object,
    index: int,
    words: Sequence[str],
    starts: Sequence[int],
    ends: Sequence[int],
    text: str | None,
) -> _End:
    """An entity: the words that its span covers, and how it is written down."""
    what, name, kind = f"entity {index}", "", ""
    span: object = item
    if isinstance(item, Mapping):
        check_keys(item, ENTITY_KEYS, what)
        span = [item.get("start"), item.get("end")]
        name = text_of(item, "name", what)
        kind = _type(item, what)
    start, end = check_span(span, what, len(words) if text is None else len(text))
    first, last = bisect_right(ends, start), bisect_left(starts, end)
    if first >= last:
        raise Refused(f"{what} covers no word, found [{start}, {end})")
    name = name or (" ".join(words[start:end]) if text is None else text[start:end])
    return _End(Argument(name, span=(first, last)), EntityArgument(name, start, end), kind)


def _object(item: object, index: int) -> tuple[_End, Box]:
    """An object, and its box."""
    what, caption, kind = f"object {index}", "", ""
    if isinstance(item, Mapping):
        check_keys(item, OBJECT_KEYS, what)
        caption = text_of(item, "caption", what)
        kind = _type(item, what)
        box = check_box(item.get("box"), f"the box of {what}")
    else:
        box = check_box(item, what)
    argument = Argument(f"[OBJ{index}]", object=index, caption=caption)
    return _End(argument, ObjectArgument(index, box), kind), box
