"""The signed-rank test against every pattern of signs, and what the command reads and refuses."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from remote_jax.errors import UserError
from remote_jax.roam import wilcoxon
from remote_jax.roam.wilcoxon import MIN_RELATIONS, SIGNIFICANCE, compare, main, signed_rank


def lines(ranks):
    """Two queries of each relation, one a direction; the ranks of each relation."""
    for relation, (tail, head) in ranks.items():
        triple = {"head": "a", "relation": relation, "tail": "b"}
        yield {**triple, "direction": "tail", "rank": tail, "answers": [{"name": "c"}]}
        yield {**triple, "direction": "head", "rank": head}


def run(folder, rows):
    folder.mkdir()
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    (folder / "predictions.jsonl").write_text(text)
    return folder


def relations(*ranks):
    return {f"r{number}": pair for number, pair in enumerate(ranks)}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-60, 60), min_size=1, max_size=8, unique_by=abs))
def test_p_is_the_share_of_sign_patterns_as_extreme(values):
    """Enumerated, with zeros dropped; scipy's own exactness is not taken for granted."""
    differences = np.array([value for value in values if value])
    places = stats.rankdata(np.abs(differences))
    sums = [np.dot(places, signs) for signs in itertools.product((0, 1), repeat=len(differences))]
    seen = np.dot(places, differences > 0)
    expected = min(1.0, 2 * min(np.mean(sums <= seen), np.mean(sums >= seen)))
    p, count = signed_rank(np.array(values) / 7, np.zeros(len(values)))
    assert count == len(differences)
    assert p == pytest.approx(expected if count else 1.0)


def test_sums_that_differ_by_rounding_are_equal():
    first = np.array([0.1 + 0.2, 0.5, 0.7])
    assert signed_rank(first, np.array([0.3, 0.5, 0.7])) == (1.0, 0)


def test_zeros_are_dropped_and_leave_the_test_exact():
    differences = np.r_[np.arange(1, 21), np.zeros(9)]
    assert signed_rank(differences, np.zeros(29)) == (pytest.approx(2 / 2**20), 20)


def test_fewest_relations_is_the_first_number_that_can_be_significant():
    smallest = [
        signed_rank(np.arange(1.0, n + 1), np.zeros(n))[0]
        for n in (MIN_RELATIONS - 1, MIN_RELATIONS)
    ]
    assert smallest[0] >= SIGNIFICANCE > smallest[1]


def test_relations_pool_both_directions_and_weigh_the_same(tmp_path):
    ranks = relations(*[(1, 4)] * MIN_RELATIONS)
    rows = [*lines(ranks), *[{**next(lines({"r0": (2, 2)})), "head": "x"}] * 2]
    other = [{**row, "rank": 2.0} for row in reversed(rows)]
    found = compare(([run(tmp_path / "a", rows)], [run(tmp_path / "b", other)]))
    assert found.relations[0] == "r0" and found.support == (4, *[2] * (MIN_RELATIONS - 1))
    place = found.relations.index("r3")
    np.testing.assert_allclose(found.scores[:, place], [[0.625, 0.5], [0.5, 0.0]])
    np.testing.assert_allclose(found.scores[:, 0], [[(1 + 0.25 + 0.5 + 0.5) / 4, 0.25], [0.5, 0]])
    count = 2 * MIN_RELATIONS + 2
    np.testing.assert_allclose(
        found.means, [[(1.25 * MIN_RELATIONS + 1) / count, MIN_RELATIONS / count], [0.5, 0.0]]
    )
    assert found.differing == (MIN_RELATIONS, MIN_RELATIONS) and all(
        p < SIGNIFICANCE for p in found.p
    )


def test_seeds_of_a_side_are_averaged(tmp_path):
    side = [
        run(tmp_path / f"a{seed}", lines(relations(*[(rank, rank)] * MIN_RELATIONS)))
        for seed, rank in enumerate((1, 4))
    ]
    other = run(tmp_path / "b", lines(relations(*[(2, 2)] * MIN_RELATIONS)))
    found = compare((side, [other, other]))
    np.testing.assert_allclose(found.scores[0], np.tile([0.625, 0.5], (MIN_RELATIONS, 1)))
    np.testing.assert_allclose(found.scores[1], np.tile([0.5, 0.0], (MIN_RELATIONS, 1)))


def test_the_table(tmp_path, capsys):
    worse = run(tmp_path / "a", lines(relations(*[(4, 4)] * 20, (1, 1))))
    better = run(tmp_path / "b", lines(relations(*[(2, 2)] * 20, (1, 1))))
    assert main([str(worse), str(better)]) == 0
    text = capsys.readouterr().out
    assert "42 queries, 21 relations." in text
    assert "| MRR | 28.57 | 52.38 | 28.57 | 52.38 | 20 | **7.7e-06** |" in text
    assert "| Hits@1 | 4.76 | 4.76 | 4.76 | 4.76 | 0 | 1 (equal) |" in text
    assert "| r7 | 2 | 25.00 | 50.00 | 0.00 | 0.00 |" in text
    assert main(["--a", str(worse), "--b", str(better)]) == 0
    assert capsys.readouterr().out == text


GOOD = next(lines({"r0": (1, 1)}))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("nonsense", "line 2: .*not plain data"),
        ("[1]", "line 2: .*expected a dict"),
        ("[" * 10**5, "line 2: .*nests more"),
        ({**GOOD, "rank": 0.5}, "line 2: 'rank' must be a number from 1, found 0.5"),
        ({**GOOD, "rank": float("inf")}, "'rank' must be"),
        ({**GOOD, "rank": float("nan")}, "'rank' must be"),
        ({**GOOD, "rank": True}, "'rank' must be"),
        ({**GOOD, "direction": "both"}, "'direction' must be 'tail' or 'head', found 'both'"),
        ({**GOOD, "direction": ["tail"]}, "'direction' must be"),
        ({**GOOD, "head": 3}, "'head' must be text"),
        ({key: GOOD[key] for key in GOOD if key != "relation"}, "'relation' must be text"),
    ],
)
def test_malformed_lines_are_named(bad, reason, tmp_path):
    folder = run(tmp_path / "a", [GOOD, bad])
    with pytest.raises(UserError, match=f"(?s)predictions.jsonl, .*{reason}"):
        compare(([folder], [folder]))


def test_runs_that_cannot_be_compared(tmp_path):
    full = run(tmp_path / "full", lines(relations(*[(1, 1)] * MIN_RELATIONS)))
    less = run(tmp_path / "less", list(lines(relations(*[(1, 1)] * MIN_RELATIONS)))[:-1])
    empty = run(tmp_path / "empty", [])
    with pytest.raises(UserError, match=r"different queries, .* 1 and 0 are in one alone.*full"):
        compare(([full], [less]))
    with pytest.raises(UserError, match="0 and 1 are in one alone"):
        compare(([less], [less, full]))
    with pytest.raises(UserError, match="has no predictions"):
        compare(([empty], [empty]))
    with pytest.raises(UserError, match=r"There is no .*predictions\.jsonl"):
        compare(([full], [tmp_path / "none"]))


@pytest.mark.parametrize("arguments", [[], ["a"], ["a", "b", "c"], ["--a", "x"], ["a", "--b", "x"]])
def test_what_is_no_comparison(arguments, capsys):
    assert main(arguments) == 2
    assert "Give two runs" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, MIN_RELATIONS - 1, MIN_RELATIONS])
def test_few_relations_are_compared_and_said_to_be_few(count, tmp_path):
    worse = run(tmp_path / "a", lines(relations(*[(1, 4)] * count)))
    better = run(tmp_path / "b", lines(relations(*[(1, 1)] * count)))
    text = wilcoxon.table(compare(([worse], [better])))
    assert f"{count} relations." in text and "| r0 | 2 |" in text
    assert ("p cannot be that small" in text) == ("**" not in text) == (count < MIN_RELATIONS)


def test_a_direction_is_part_of_a_query(tmp_path):
    rows = list(lines(relations(*[(1, 1)] * MIN_RELATIONS)))
    turned = [{**row, "direction": "tail"} for row in rows]
    with pytest.raises(UserError, match="different queries"):
        compare(([run(tmp_path / "a", rows)], [run(tmp_path / "b", turned)]))


def test_bars_in_names_do_not_break_the_table(tmp_path):
    names = {f"a|b{number}": (1, 2) for number in range(MIN_RELATIONS)}
    folder = run(tmp_path / "a", lines(names))
    assert "| a\\|b0 | 2 |" in wilcoxon.table(compare(([folder], [folder])))
