"""Precision, recall and F1, from counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from remote_jax.reporting.results import Table


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 in [0, 1], and how many there were to find."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def from_counts(cls, correct: float, predicted: float, gold: float) -> Score:
        """The score of `correct` among `predicted` answers, of `gold` ones; 0 of 0 is 0.

        Counts are whole numbers, or sums of weights that are at least 1.
        """
        precision, recall = correct / max(predicted, 1), correct / max(gold, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        return cls(precision, recall, f1, round(gold))


def most_frequent_first(scores: Iterable[tuple[str, Score]]) -> list[tuple[str, Score]]:
    """Scores by name in the order of a report."""
    return sorted(scores, key=lambda row: -row[1].support)


def score_table(
    title: str, scores: Iterable[tuple[str, Score]], *, name: str, support: str
) -> Table:
    """A row a score.

    Args:
        title: of the table.
        scores: by what they are of.
        name, support: titles of the columns of names and of support.
    """
    rows = [(key, s.precision, s.recall, s.f1, s.support) for key, s in scores]
    return Table(title, (name, "precision", "recall", "F1", support), rows)
