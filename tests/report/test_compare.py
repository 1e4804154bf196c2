"""Runs side by side: against SciPy and statsmodels, and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import fabricated
import numpy as np
import pytest

pytest.importorskip("plotly", reason="of the extra `report`")

import pandas as pd
from statsmodels.stats.contingency_tables import mcnemar

from remote_jax import main
from remote_jax.report import compare, finished


def altered(folder: Path, seed: int = 0, **config: object) -> Path:
    """Sets seed and other keys of a run."""
    path = folder / "results.json"
    results = json.loads(path.read_text())
    results["seed"] = seed
    results["config"] |= {"seed": seed, **config}
    path.write_text(json.dumps(results))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two seeds of a setting, and one of another."""
    found = []
    for name, shift, seed, size in (("a0", 0, 0, 1), ("a1", 1, 1, 1), ("b0", 2, 0, 2)):
        fabricated.roam(tmp_path / name, queries=40, name="met", shift=shift)
        found.append(altered(tmp_path / name, seed, size=size))
    return found


def test_scores_are_means_over_seeds(runs: list[Path], tmp_path: Path) -> None:
    compare.write(runs, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "scores.csv", dtype=str).set_index("score")
    values = [finished.read(run).scores["mrr"] for run in runs]
    assert list(table.columns) == ["a0", "b0"]
    spread = np.std(values[:2], ddof=1)
    assert table.loc["mrr", "a0"] == f"{np.mean(values[:2]):.4f} ± {spread:.4f}"
    assert table.loc["mrr", "b0"] == f"{values[2]:.4f}"


def test_differences_are_those_of_a_paired_bootstrap_written_out(
    runs: list[Path], tmp_path: Path
) -> None:
    settings = compare.grouped([finished.read(run) for run in runs])
    row = compare.differences(settings).set_index("score").loc["mrr"]
    values = [np.array([1 / row["rank"] for row in finished.read(run).rows]) for run in runs]
    gain = values[2] - (values[0] + values[1]) / 2
    assert row["difference"] == pytest.approx(gain.mean())
    rng = np.random.default_rng(3)
    drawn = [gain[rng.integers(0, 40, 40)].mean() for _ in range(4000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    np.testing.assert_allclose([row["95 % from"], row["to"]], [low, high], atol=0.1 * (high - low))


def test_decisions_are_compared_by_mcnemars_test(runs: list[Path]) -> None:
    first, _, second = map(finished.read, runs)
    (row,) = compare.decisions(compare.grouped([first, second])).to_dict("records")
    right = np.array([[row["rank"] == 1 for row in run.rows] for run in (first, second)])
    table = [
        [int(((right[0] == x) & (right[1] == y)).sum()) for y in (True, False)]
        for x in (True, False)
    ]
    assert row["right in a0 alone"] == table[0][1] and row["right here alone"] == table[1][0]
    assert row["seeds"] == "0, 0"
    assert float(row["p"]) == pytest.approx(mcnemar(table, exact=True).pvalue, rel=5e-3)


def test_seeds_do_not_count_what_is_asked_twice(runs: list[Path], tmp_path: Path) -> None:
    first, second, other = map(finished.read, runs)
    one = compare.decisions(compare.grouped([first, other]))
    both = compare.decisions(compare.grouped([second, first, other]))
    assert one.iloc[0, 2:].tolist() == both.iloc[0, 2:].tolist()


def test_settings_of_a_sweep_have_names_of_their_own(tmp_path: Path) -> None:
    folders = []
    for variant, size in (("full", 1), ("head", 2)):
        for seed in (0, 1):
            run = tmp_path / variant / f"seed{seed}"
            fabricated.roam(run, queries=40, name="met", shift=size + seed)
            folders.append(altered(run, seed, size=size))
    compare.write(folders, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert list(table.columns) == ["score", "full/seed0", "head/seed0"]


def test_disagreements_are_what_one_alone_has_right(runs: list[Path], tmp_path: Path) -> None:
    compare.write([runs[0], runs[2]], tmp_path / "out")
    told = pd.read_csv(tmp_path / "out" / "disagreements.csv")
    first, _, second = (finished.read(run).rows for run in runs)
    differ = [a for a, b in zip(first, second, strict=True) if (a["rank"] == 1) != (b["rank"] == 1)]
    assert list(told["head"]) == [row["head"] for row in differ] and differ
    assert (told["a0"] != told["b0"]).all()


def test_tables_are_written_for_papers(runs: list[Path], tmp_path: Path) -> None:
    assert main.main(["x", "compare", *map(str, runs), f"--output={tmp_path}/out"]) == 0
    for name in ("scores", "differences", "decisions"):
        text = (tmp_path / "out" / f"{name}.tex").read_text()
        assert text.startswith(r"\begin{tabular}") and r"\bottomrule" in text and " % " not in text
        lines = (tmp_path / "out" / f"{name}.md").read_text().splitlines()
        assert all(line.startswith("|") for line in lines)
    shown = (tmp_path / "out" / "scores.md").read_text()
    assert f"{finished.read(runs[2]).scores['mr']:.4f} |" in shown
    assert "a0 beside b0" in (tmp_path / "out" / "compare.html").read_text()


def test_names_are_no_formulas_of_a_spreadsheet(tmp_path: Path) -> None:
    for name, shift in (("a", 0), ("b", 2)):
        fabricated.roam(tmp_path / name, queries=40, name="=1+1", shift=shift)
        altered(tmp_path / name, size=shift)
    compare.write([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    told = pd.read_csv(tmp_path / "out" / "disagreements.csv")
    assert set(told["tail"]) == {"'=1+1"}


def mistake(capsys: pytest.CaptureFixture[str], *runs: Path) -> str:
    assert main.main(["x", "compare", *map(str, runs), "--output=x"]) == 2
    return capsys.readouterr().err


def test_runs_that_cannot_be_compared_are_refused(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "these differ in seeds alone" in mistake(capsys, *runs[:2])
    assert "holds no finished run" in mistake(capsys, runs[0], tmp_path / "none")
    assert "the folder of a run twice" in mistake(capsys, runs[0], runs[0], runs[2])
    fabricated.roam(runs[2], queries=41, name="met")
    altered(runs[2], size=2)
    said = mistake(capsys, *runs)
    assert "were not scored on the same data: 41 predictions of test and 40 of test" in said
