"""Tables of agreement, and `agreement.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from remote_jax.annotate.agreement.coefficients import Coefficients, coefficients, of_relation
from remote_jax.annotate.agreement.items import WEIGHTS, Ends, Item, ends_of, items_of
from remote_jax.annotate.layers import Layers
from remote_jax.annotate.posts import Post
from remote_jax.errors import UserError
from remote_jax.reporting.results import Table, write_json

FILE = "agreement.json"
SHOWN = 10
"""Most rows of what is disputed; the file has all."""
KINDS = ("ee", "oo", "eo")
COLUMNS = ("pairs", "same", "kappa", "weighted", "fleiss", "alpha")


@dataclass(frozen=True)
class Agreement:
    """How far annotators agree.

    Attributes:
        overall: of all pairs, and by kind of pair.
        relations: of each label against all others, the most disputed first.
        two: of each two people.
        single: pairs that only one of them labelled, which count nowhere.
        disputed: pairs with several labels, by post, the posts with most of them first.
    """

    people: tuple[str, ...]
    overall: dict[str, Coefficients]
    relations: dict[str, Coefficients]
    two: dict[str, Coefficients]
    ends: list[Ends]
    single: int
    disputed: dict[str, list[Item]]

    def tables(self) -> list[Table]:
        """What is printed."""
        return [
            _table("Agreement", "of", self.overall),
            _table("Two people", "of", self.two),
            _table("Relations, the most disputed first", "relation", self.relations),
            Table(
                "Entities and objects",
                ("of", "what", "the same", "differing", "of one only"),
                [
                    (" and ".join(one.people), one.kind, one.both, one.differing, one.one)
                    for one in self.ends
                ],
            ),
            _disputed(self.disputed),
        ]

    def write(self, folder: Path) -> Path:
        """Writes `agreement.json` and returns its path."""
        found: dict[str, Any] = {
            "people": self.people,
            "weights": WEIGHTS,
            **{
                name: {key: asdict(value) for key, value in some.items()}
                for name, some in (
                    ("overall", self.overall),
                    ("two", self.two),
                    ("relations", self.relations),
                )
            },
            "ends": [asdict(one) for one in self.ends],
            "labelled_by_one": self.single,
            "disputed": [
                {"post": post, "pairs": [asdict(item) for item in items]}
                for post, items in self.disputed.items()
            ],
        }
        write_json(folder / FILE, found)
        return folder / FILE


def measure(layers: Layers, posts: Sequence[Post]) -> Agreement:
    """How far the annotators of posts agree.

    Raises:
        UserError: no two of them labelled the same pair.
    """
    people, none = layers.annotators, layers.vocabulary.none
    items = items_of(layers, posts)
    common = [item for item in items if len(item.labels) > 1]
    if not common:
        raise UserError(
            f"No pair has labels of two annotators; there are {len(items):,} labelled pairs of "
            f"{', '.join(people) or 'nobody'}."
        )
    disputes = Counter(
        label for item in common if item.disputed for label in set(item.labels.values())
    )
    labels = sorted({label for item in common for label in item.labels.values()})
    labels.sort(key=lambda label: -disputes[label])
    overall = {"all": coefficients(common, people, none)}
    overall |= {
        kind: coefficients([item for item in common if item.kind == kind], people, none)
        for kind in KINDS
    }
    pairs = list(combinations(people, 2))
    return Agreement(
        people,
        overall,
        {label: of_relation(common, people, label) for label in labels},
        {" and ".join(two): coefficients(common, two, none) for two in pairs},
        [one for two in pairs for one in ends_of(layers, posts, two)],
        len(items) - len(common),
        _by_post([item for item in common if item.disputed]),
    )


def _by_post(items: Sequence[Item]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.post, []).append(item)
    return dict(sorted(found.items(), key=lambda one: -len(one[1])))


def _table(title: str, first: str, some: dict[str, Coefficients]) -> Table:
    return Table(title, (first, *COLUMNS), [(name, *astuple(one)) for name, one in some.items()])


def _disputed(posts: dict[str, list[Item]]) -> Table:
    rows = [
        (post, _plain(" — ".join(item.names)), ", ".join(f"{k}: {v}" for k, v in said))
        for post, items in posts.items()
        for item in items
        for said in [item.labels.items()]
    ]
    more = f", the first {SHOWN} of {len(rows):,}" if len(rows) > SHOWN else ""
    title = f"Disputed pairs, the posts with most of them first{more}"
    return Table(title, ("post", "pair", "labels"), rows[:SHOWN])


def _plain(text: str) -> str:
    """A text without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
