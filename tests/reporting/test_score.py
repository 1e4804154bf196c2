"""Precision, recall and F1 from counts, and their table."""

import pytest

from remote_jax.reporting.score import Score, most_frequent_first, score_table


def test_scores_are_shares_of_what_was_predicted_and_of_gold():
    score = Score.from_counts(correct=3, predicted=4, gold=6)
    assert (score.precision, score.recall, score.support) == (0.75, 0.5, 6)
    assert score.f1 == pytest.approx(2 / (1 / 0.75 + 1 / 0.5))


def test_nothing_of_nothing_is_zero():
    assert Score.from_counts(0, 0, 0) == Score(0.0, 0.0, 0.0, 0)


def test_a_row_a_score():
    rare, frequent = Score.from_counts(1, 1, 2), Score.from_counts(4, 8, 8)
    ordered = most_frequent_first([("rare", rare), ("frequent", frequent)])
    table = score_table("Scores", ordered, name="relation", support="pairs")
    assert table.columns == ("relation", "precision", "recall", "F1", "pairs")
    assert table.rows == [
        ("frequent", 0.5, 0.5, 0.5, 8),
        ("rare", 1.0, 0.5, pytest.approx(2 / 3), 2),
    ]
