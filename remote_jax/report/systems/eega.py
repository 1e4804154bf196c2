"""What a run of EEGA has to show: what was found, missed and mistaken in each sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from remote_jax import config as configs
from remote_jax.eega.task import EegaTask
from remote_jax.errors import UserError
from remote_jax.report import common
from remote_jax.report.charts import Bars, Matrix, Series
from remote_jax.report.finished import Finished, Row
from remote_jax.report.intervals import Measured, f1, share
from remote_jax.report.thumbnails import as_box, thumbnails
from remote_jax.report.view import Browser, Column, Mark, Post, Section, View, Weights
from remote_jax.training.record import Record

Span = tuple[int, int]
Entity = tuple[Span, str]

RIGHT, MISSED = "right", "missed"


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
        probability: of one that was found; 0 else.
    """

    row: int
    outcome: str
    quintuple: Quintuple
    names: tuple[str, str]
    probability: float


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
        for number, row in enumerate(run.rows)
        for one in _judge(number, row, gold[number], found[number])
    ]
    claimed = [one for one in judged if one.outcome != MISSED]
    confidence = np.array([one.probability for one in claimed])
    right = np.array([one.outcome == RIGHT for one in claimed], bool)
    sections = [_mistakes(judged)]
    if len(claimed):
        sections.append(common.calibration(confidence, right, "quintuples, directed"))
    return View(
        measured=_measured(sides),
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
    return {
        (str(one.row), one.names[0], one.quintuple.relation, one.names[1]): one.outcome == RIGHT
        for one in judged
        if one.outcome in (RIGHT, MISSED)
    }


def _quintuples(row: Row, key: str = "quintuples") -> frozenset[Quintuple]:
    return frozenset(
        Quintuple(_entity(one["head"]), _entity(one["tail"]), str(one["relation"]))
        for one in row[key]
    )


def _entity(one: Row) -> Entity:
    return (int(one["start"]), int(one["end"])), str(one["type"])


def _both_ways(some: frozenset[Quintuple]) -> frozenset[Quintuple]:
    return some | {one.turned for one in some}


def _judge(
    number: int, row: Row, gold: frozenset[Quintuple], found: frozenset[Quintuple]
) -> Iterator[Judged]:
    """All that was found in a sentence, and what was missed."""

    def names(one: Quintuple) -> tuple[str, str]:
        head, tail = (" ".join(row["tokens"][start:end]) for start, end in one.spans)
        return head, tail

    for said in row["quintuples"]:
        one = Quintuple(_entity(said["head"]), _entity(said["tail"]), str(said["relation"]))
        outcome = RIGHT if one in gold else mistake(one, gold)
        yield Judged(number, outcome, one, names(one), float(said["probability"]))
    for one in sorted(gold - found):
        yield Judged(number, MISSED, one, names(one), 0.0)


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
    order = [
        k for k in (RIGHT, MISSED, "relation", "type", "direction", "span", "pair") if k in kinds
    ]
    bars = Series("quintuples", order, [float(kinds[kind]) for kind in order])
    relations = sorted({one.quintuple.relation for one in judged})
    values = [
        [float(sum(o.outcome == k and o.quintuple.relation == r for o in judged)) for k in order]
        for r in relations
    ]
    return Section(
        "What was found, missed and mistaken",
        [
            "relation, type: both entities are right, but for that. direction: head and tail are "
            "exchanged. span: both overlap those of one that is right. pair: there is none like it."
        ],
        charts=[
            Bars("outcomes", "Quintuples by what became of them", "quintuples", (bars,)),
            Matrix(
                "outcomes-by-relation",
                "What became of quintuples, by relation",
                "outcome",
                "relation",
                relations,
                order,
                values,
                shares=True,
                filters=("relation", "outcome"),
            ),
        ],
    )


def _browser(run: Finished, judged: Sequence[Judged]) -> Browser:
    pictures, note = _pictures(run, judged)
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
    return Post([str(word) for word in row["tokens"]], picture, boxes, lines)


def _pictures(run: Finished, judged: Sequence[Judged]) -> tuple[dict[str, str], str]:
    """Of sentences, those with a mistake first, and what the page says where the data are gone."""
    try:
        task = EegaTask(configs.read(run.folder))
        Record(fingerprint=run.results["dataset"]).check_data(task.fingerprint())
    except UserError as error:
        return {}, f"No picture is shown: {error}"
    mistaken = {one.row for one in judged if one.outcome != RIGHT}
    images = run.each(lambda row: str(row["image"]))
    order = sorted(range(len(images)), key=lambda number: number not in mistaken)
    return thumbnails(task.data.root, [images[number] for number in order]), ""


def _attention(run: Finished, judged: Sequence[Judged]) -> list[Weights]:
    """Of the heads and tails that were found to the objects of the picture (Figure 7)."""
    found = []
    for end in ("head", "tail"):
        values = [_paid(run.rows[one.row], getattr(one.quintuple, end)) for one in judged]
        most = max(map(len, values), default=0)
        if most:
            names = [f"object {number}" for number in range(most)]
            found.append(Weights(f"Attention of the {end} to objects", names, values))
    return found


def _paid(row: Row, entity: Entity) -> list[float]:
    for one in row.get("entities", []):
        if _entity(one) == entity:
            return list(one.get("attention", []))
    return []


def _marks(one: Quintuple) -> list[Mark]:
    head, tail = one.spans
    return [(*head, "head"), (*tail, "tail")] if head != tail else [(*head, "both")]
