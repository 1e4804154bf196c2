"""Pairs beside the listed ones: reversed ones, and a sample of those that are not listed.

In training they teach the model what annotators would not have listed. In evaluation they show
what it says of them: `predict` asks about all pairs of a post.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from remote_jax.remote.data.orders import Orders
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.remote.data.unlisted import objects_of, posts_of

SEED = 0
"""Of the sample, which is a part of the data, and the same for every run."""


@dataclass(frozen=True)
class Pairs:
    """The examples of a split: its listed pairs, and then further ones.

    Attributes:
        labels: relation of each; 0 where nothing is known of a pair that is not listed.
        types: triplet types.
        backward: which are in the second order of `pairs.backward`.
        weights: of each in the loss.
        scales: how many pairs each stands for, where it is one of a sample.
        partner: the example that is the same pair the other way round, -1 where there is none.
        posts: the number of each one's post.
        objects: the numbers of head and tail as objects, -1 for an entity.
        listed: how many are listed.
        further: the others, as `unlisted.UNLISTED`.
    """

    labels: Int[np.ndarray, " n"]
    types: Int[np.ndarray, " n"]
    backward: Bool[np.ndarray, " n"]
    weights: Float[np.ndarray, " n"]
    scales: Float[np.ndarray, " n"]
    partner: Int[np.ndarray, " n"]
    posts: Int[np.ndarray, " n"]
    objects: Int[np.ndarray, "n 2"]
    listed: int
    further: np.ndarray


@dataclass(frozen=True)
class Source:
    """What a split has.

    Attributes:
        rows: of the records that take part.
        summary: label, type, order, the row of the same pair in the other order, the number of the
            post, and those of head and tail as objects.
        unlisted: the pairs that are not listed, of the types that take part, as
            `unlisted.UNLISTED`.
        symmetric: which relations hold both ways.
    """

    rows: Int[np.ndarray, " n"]
    summary: Int[np.ndarray, "n 7"]
    unlisted: np.ndarray
    symmetric: Bool[np.ndarray, " relations"]

    def reversed(self) -> np.ndarray:
        """The listed pairs the other way round; they have the relation if that is symmetric."""
        back = self.unlisted[self.unlisted["reverse_of"] >= 0]
        place = np.searchsorted(self.rows, back["reverse_of"])
        labels = self.summary[place, 0]
        back = back.copy()
        known = np.where(back["known"], back["label"], 0)
        back["label"] = np.where(self.symmetric[labels], labels, known)
        back["known"] = True
        return back

    def never_listed(self) -> np.ndarray:
        """Pairs that are listed in neither order; a symmetric relation is that of both."""
        pool = self.unlisted[self.unlisted["reverse_of"] < 0].copy()
        first, second = _same_pairs(pool)
        for one, other in ((first, second), (second, first)):
            labels = pool["label"][one]
            given = self.symmetric[labels] & (labels > 0) & (pool["label"][other] == 0)
            pool["label"][other[given]] = labels[given]
        return pool

    def orders(self, further: np.ndarray, relations: int) -> Orders:
        """The orders of the listed pairs and some further ones."""
        labels, types, backward = self.summary.T[:3]
        return Orders.from_pairs(
            np.concatenate([labels, further["label"]]),
            np.concatenate([types, further["type"]]),
            np.concatenate([backward, further["backward"]]),
            relations,
        )


def training(source: Source, *, reverse: float, unlisted: float, weight: float) -> Pairs:
    """The examples to train on.

    Args:
        reverse: share of the listed pairs that are also read the other way round.
        unlisted: pairs that are not listed, for each that is; in the orders that are asked. None
            that is known to be related is among them.
        weight: of those of which nothing is known.
    """
    further = _some(source.reversed(), reverse * len(source.rows))
    if unlisted:
        orders = source.orders(further, len(source.symmetric))
        pool = source.never_listed()
        pool = pool[orders.asks(pool["type"], pool["backward"]) & (pool["label"] == 0)]
        further = np.concatenate([further, _some(pool, unlisted * len(source.rows))])
    return _pairs(source, further, np.ones(len(further)), weight)


def _some(pool: np.ndarray, count: float) -> np.ndarray:
    """About so many of a pool, drawn at random, in its order."""
    chosen = np.random.default_rng(SEED).permutation(len(pool))[: min(len(pool), round(count))]
    return pool[np.sort(chosen)]


def evaluation(source: Source, orders: Orders, weight: float) -> Pairs:
    """The listed pairs and, of the others, about as many as `predict` would ask.

    Args:
        orders: of training.
        weight: of pairs of which nothing is known, when probabilities are calibrated.
    """
    # What holds is to be found, also where its order is not asked.
    back, pool = (
        some[orders.asks(some["type"], some["backward"]) | (some["label"] > 0)]
        for some in (source.reversed(), source.never_listed())
    )
    pairs = np.unique(pool["pair"])
    share = min(1.0, len(source.rows) / max(len(pool), 1))
    count = max(round(share * len(pairs)), min(1, len(pairs)))
    chosen = np.random.default_rng(SEED).permutation(pairs)[:count]
    pool = pool[np.isin(pool["pair"], chosen)]
    further = np.concatenate([back, pool])
    scale = len(pairs) / max(count, 1)
    return _pairs(source, further, np.where(further["reverse_of"] < 0, scale, 1.0), weight)


def _pairs(
    source: Source, further: np.ndarray, scales: Float[np.ndarray, " n"], weight: float
) -> Pairs:
    labels, types, backward, _, posts, *objects = source.summary.T
    listed = len(labels)
    return Pairs(
        labels=np.concatenate([labels, further["label"]]),
        types=np.concatenate([types, further["type"]]),
        backward=np.concatenate([backward.astype(bool), further["backward"]]),
        weights=np.concatenate([np.ones(listed), np.where(further["known"], 1.0, weight)]),
        scales=np.concatenate([np.ones(listed), scales]),
        partner=_partners(source, further, listed),
        posts=np.concatenate([posts, posts_of(further)]),
        objects=np.concatenate([np.column_stack(objects), objects_of(further)]),
        listed=listed,
        further=further,
    )


def _partners(source: Source, further: np.ndarray, listed: int) -> Int[np.ndarray, " n"]:
    partner = np.full(listed + len(further), -1)
    places = listed + np.arange(len(further))
    other = source.summary[:, 3]
    both = np.flatnonzero(other >= 0)
    partner[both] = np.searchsorted(source.rows, other[both])
    back = further["reverse_of"] >= 0
    rows = np.searchsorted(source.rows, further["reverse_of"][back])
    partner[places[back]], partner[rows] = rows, places[back]
    new = np.flatnonzero(~back)
    first, second = (places[new[found]] for found in _same_pairs(further[new]))
    partner[first], partner[second] = second, first
    return partner


def _same_pairs(pool: np.ndarray) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """The places of both orders of each pair that a pool has in both."""
    order = np.argsort(pool["pair"], kind="stable")
    numbers = pool["pair"][order]
    same = np.flatnonzero(numbers[1:] == numbers[:-1])
    return order[same], order[same + 1]


def argument(named_in: Pair | None, base: Pair, number: int) -> Argument:
    """The end of a further pair.

    Args:
        named_in: the pair that names it, None for an object.
        number: which end of that pair it is, or the number of the object.
    """
    if named_in is not None:
        return (named_in.head, named_in.tail)[number]
    return Argument(base.objects[number], object=number, caption=base.captions[number])
