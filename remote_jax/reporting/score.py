"""Precision, recall and F1, from counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1 in [0, 1], and how many there were to find."""

    precision: float
    recall: float
    f1: float
    support: int

    @classmethod
    def from_counts(cls, hits: int, claimed: int, named: int) -> Score:
        """The score of `hits` among `claimed` answers, where `named` were right; 0 of 0 is 0."""
        precision, recall = hits / max(claimed, 1), hits / max(named, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        return cls(precision, recall, f1, named)
