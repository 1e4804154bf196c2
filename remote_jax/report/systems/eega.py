"""What a run of EEGA has to show: what was found, missed and mistaken in each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from remote_jax.eega.task import EegaTask
from remote_jax.report import common
from remote_jax.report.charts import MOST_ROWS, Bars, Matrix, Series
from remote_jax.report.finished import Finished, Row, text
from remote_jax.report.finished import share as share_of_one
from remote_jax.report.intervals import Measured, f1, share
from remote_jax.report.thumbnails import as_box, thumbnails
from remote_jax.report.view import Browser, Column, Mark, Post, Section, View, Weights

Span = tuple[int, int]
Entity = tuple[Span, str]

RIGHT, MISSED = "right", "missed"
OUTCOMES = (RIGHT, MISSED, "relation", "type", "direction", "span", "pair")


class Quintuple(NamedTuple):
    """Two entities with their types, and the relation from head to tail."""

    head: Entity
    tail: Entity
    relation: str

    @property
    def turned(self) -> Quintuple:
        """The other way round."""
        return Quintuple(self.tail, self.head, self.relation)

    @property
    def spans(self) -> tuple[Span, Span]:
        return self.head[0], self.tail[0]


class Judged(NamedTuple):
    """A quintuple of a sentence, found or to be found.

    Attributes:
        row: number of the sentence.
        outcome: right, missed, or what is wrong with it (`mistake`).
        names: words of head and tail.
        probability: of one that was found.
    """

    row: int
    outcome: str
    quintuple: Quintuple
    names: tuple[str, str]
    probability: float | None


def view(run: Finished) -> View:
    """Intervals over sentences, kinds of mistakes, types, and the quintuples.

    Raises:
        UserError: a file of the run is not as it was written.
    """
    gold, found = run.each(partial(_quintuples, key="gold")), run.each(_quintuples)
    sides = [gold, found]
    if run.results["config"]["metric"] == "folded":
        sides = [[_both_ways(some) for some in side] for side in sides]
    judged = [
        one
        for number, found_there in enumerate(run.each(_found))
        for one in _judge(number, found_there, *(side[number] for side in sides))
    ]
    claimed = [one for one in judged if one.outcome != MISSED]
    confidence = np.array([one.probability or 0.0 for one in claimed])
    right = np.array([one.outcome == RIGHT for one in claimed], bool)
    sections = [_mistakes(judged)] if judged else []
    if len(claimed):
        sections.append(common.calibration(confidence, right, "quintuples"))
    return View(
        measured=_measured(sides),
        metric=EegaTask.metric,
        unit="sentences",
        asked=("sentence", "head", "relation", "tail"),
        decisions=_decisions(judged),
        sections=sections,
        browser=_browser(run, judged),
    )


def _measured(sides: Sequence[Sequence[frozenset[Quintuple]]]) -> dict[str, Measured]:
    gold, found = sides
    hits = np.array([len(a & b) for a, b in zip(gold, found, strict=True)], float)
    claimed, related = (np.array([len(some) for some in side], float) for side in (found, gold))
    return {
        "f1": Measured(f1, (hits, claimed, related)),
        "precision": Measured(share, (hits, claimed)),
        "recall": Measured(share, (hits, related)),
    }


def _decisions(judged: Sequence[Judged]) -> dict[tuple[str, ...], bool]:
    """Which quintuples were found, of those to be found."""
    found: dict[tuple[str, ...], bool] = {}
    for one in judged:
        if one.outcome in (RIGHT, MISSED):
            ends = (one.quintuple.head, one.quintuple.tail)
            (head, tail) = (
                f"{name} ({kind}, {start}:{end})"
                for name, ((start, end), kind) in zip(one.names, ends, strict=True)
            )
            found[str(one.row), head, one.quintuple.relation, tail] = one.outcome == RIGHT
    return found


def _quintuples(row: Row, key: str = "quintuples") -> frozenset[Quintuple]:
    return frozenset(map(_quintuple, row[key]))


def _quintuple(one: Row) -> Quintuple:
    return Quintuple(_entity(one["head"]), _entity(one["tail"]), text(one["relation"]))


def _entity(one: Row) -> Entity:
    return (int(one["start"]), int(one["end"])), text(one["type"])


def _both_ways(some: frozenset[Quintuple]) -> frozenset[Quintuple]:
    return some | {one.turned for one in some}


class Found(NamedTuple):
    """What was found in a sentence: its words, and quintuples with their probabilities."""

    words: list[str]
    quintuples: list[tuple[Quintuple, float]]


def _found(row: Row) -> Found:
    return Found(
        [text(word) for word in row["tokens"]],
        [(_quintuple(one), share_of_one(one["probability"])) for one in row["quintuples"]],
    )


def _judge(
    number: int, there: Found, gold: frozenset[Quintuple], found: frozenset[Quintuple]
) -> Iterator[Judged]:
    """All that was found in a sentence, and what was missed.

    Args:
        gold, found: as they are scored: both ways round, where directions do not count.
    """

    def names(one: Quintuple) -> tuple[str, str]:
        head, tail = (" ".join(there.words[start:end]) for start, end in one.spans)
        return head, tail

    for one, probability in there.quintuples:
        outcome = RIGHT if one in gold else mistake(one, gold)
        yield Judged(number, outcome, one, names(one), probability)
    told: set[Quintuple] = set()
    for one in sorted(gold - found):
        if one.turned not in told:
            told.add(one)
            yield Judged(number, MISSED, one, names(one), None)


def mistake(one: Quintuple, gold: frozenset[Quintuple]) -> str:
    """What is wrong with a quintuple that is not among those to be found.

    The first that holds: it stands there turned round (`direction`); both spans are those of one
    that does, of other types (`type`) or with another relation (`relation`); both overlap those of
    one (`span`). Else there is no such pair (`pair`).
    """
    if one.turned in gold:
        return "direction"
    same = [other for other in gold if other.spans == one.spans]
    if any(other.relation == one.relation for other in same):
        return "type"
    if same:
        return "relation"
    if any(all(map(_overlap, one.spans, other.spans)) for other in gold):
        return "span"
    return "pair"


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _mistakes(judged: Sequence[Judged]) -> Section:
    kinds = Counter(one.outcome for one in judged)
    order = [kind for kind in OUTCOMES if kind in kinds]
    cells = Counter((one.quintuple.relation, one.outcome) for one in judged)
    relations = Counter(one.quintuple.relation for one in judged).most_common(MOST_ROWS)
    shown = [name for name, _ in relations]
    bars = Series("quintuples", order, [float(kinds[kind]) for kind in order])
    matrix = Matrix(
        "outcomes-by-relation",
        "What became of quintuples, by relation",
        "outcome",
        "relation",
        shown,
        order,
        [[float(cells[name, kind]) for kind in order] for name in shown],
        shares=True,
        filters=("relation", "outcome"),
    )
    outcomes = Bars("outcomes", "Quintuples by what became of them", "quintuples", (bars,))
    return Section(
        "What was found, missed and mistaken",
        [
            "relation, type: both entities are right, but for that. direction: head and tail are "
            "exchanged. span: both overlap those of one that is right. pair: none is like it. "
            "A quintuple that was told with a mistake is also missed, as it should have been told.",
            "Colours are shares of a row. A click on a cell shows its quintuples.",
        ],
        charts=[outcomes, matrix],
    )


def _browser(run: Finished, judged: Sequence[Judged]) -> Browser:
    mistaken = {one.row for one in judged if one.outcome != RIGHT}
    images = run.texts("image")
    order = sorted(range(len(images)), key=lambda number: number not in mistaken)
    pictures, note = thumbnails(run, [images[number] for number in order])
    posts = run.each(partial(_post, pictures=pictures, note=note))
    return Browser(
        columns=[
            Column("head", [one.names[0] for one in judged]),
            Column("type of head", [one.quintuple.head[1] for one in judged], choices=True),
            Column("relation", [one.quintuple.relation for one in judged], choices=True),
            Column("tail", [one.names[1] for one in judged]),
            Column("type of tail", [one.quintuple.tail[1] for one in judged], choices=True),
            Column("outcome", [one.outcome for one in judged], choices=True),
            Column("probability", [one.probability for one in judged]),
        ],
        right=[one.outcome == RIGHT for one in judged],
        confidence=[one.probability for one in judged],
        posts=posts,
        post=[one.row for one in judged],
        marks=[_marks(one.quintuple) for one in judged],
        weights=_attention(run, judged),
    )


def _post(row: Row, *, pictures: Mapping[str, str], note: str) -> Post:
    picture = pictures.get(row["image"], "")
    objects = row.get("objects", [])
    boxes = [as_box(one["box"]) for one in objects] if picture else []
    classes = ", ".join(f"{number}: {one['class']}" for number, one in enumerate(objects))
    lines = [line for line in (classes, str(row["image"]), note) if line]
    return Post([text(word) for word in row["tokens"]], picture, boxes, lines)


def _attention(run: Finished, judged: Sequence[Judged]) -> list[Weights]:
    """Of the heads and tails that were found to the objects of the picture (Figure 7)."""
    found, paid = [], run.each(_paid)
    for end in ("head", "tail"):
        values = [paid[one.row].get(getattr(one.quintuple, end), []) for one in judged]
        most = max(map(len, values), default=0)
        if most:
            names = [f"object {number}" for number in range(most)]
            found.append(Weights(f"Attention of the {end} to objects", names, values))
    return found


def _paid(row: Row) -> dict[Entity, list[float]]:
    """Of each entity that was found, what it pays to each object."""
    return {
        _entity(one): [share_of_one(weight) for weight in one.get("attention", [])]
        for one in row.get("entities", [])
    }


def _marks(one: Quintuple) -> list[Mark]:
    head, tail = one.spans
    return [(*head, "head"), (*tail, "tail")]
