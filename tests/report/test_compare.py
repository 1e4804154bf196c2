"""Runs side by side: against SciPy and statsmodels, and by hand."""

from __future__ import annotations

import json
from pathlib import Path

import fabricated
import numpy as np
import pytest

pytest.importorskip("plotly", reason="of the extra `report`")

import pandas as pd
from scipy.stats import wilcoxon
from statsmodels.stats.contingency_tables import mcnemar

from remote_jax import main
from remote_jax.report import compare, costs, finished


def altered(folder: Path, seed: int = 0, **config: object) -> Path:
    """Sets seed and other keys of a run."""
    path = folder / "results.json"
    results = json.loads(path.read_text())
    results["seed"] = seed
    results["config"] |= {"seed": seed, **config}
    path.write_text(json.dumps(results))
    return folder


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the charts that would be files: drawing them takes a second."""
    names: list[str] = []
    monkeypatch.setattr(compare.drawings, "write", lambda chart, _: names.append(chart.name))
    return names


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


def test_relations_are_compared_by_wilcoxons_test(tmp_path: Path) -> None:
    """Table 7, by hand from the ranks of the files."""
    names = [f"relation {n}" for n in range(30)]
    runs, by_relation = [], []
    rng = np.random.default_rng(5)
    for name, seed, size in (("a0", 0, 1), ("a1", 1, 1), ("b0", 0, 2)):
        rows = fabricated.roam(tmp_path / name, queries=120, name="met")
        ranks = rng.integers(1, 6, 120)
        for number, row in enumerate(rows):
            row |= {"relation": names[number % 30], "rank": float(ranks[number])}
        fabricated.write_lines(tmp_path / name / "predictions.jsonl", rows)
        runs.append(finished.read(altered(tmp_path / name, seed, size=size)))
        by_relation.append([(1 / ranks[place::30]).mean() for place in range(30)])
    table = compare.relations(compare.grouped(runs)).set_index("score")
    first, other = np.mean(by_relation[:2], 0), np.array(by_relation[2])
    row = table.loc["MRR"]
    assert list(table.index) == ["MRR", "Hits@1"] and set(table["setting"]) == {"b0"}
    assert row["mean of relations"] == pytest.approx(other.mean())
    assert row["in a0"] == pytest.approx(first.mean())
    assert row["relations"] == 30 and row["that differ"] > 20
    assert float(row["p"]) == pytest.approx(wilcoxon(first, other).pvalue, rel=5e-3)


def test_costs_are_means_over_seeds(tmp_path: Path, drawn: list[str]) -> None:
    runs = []
    for name, seed, size, seconds in (("a0", 0, 1, 10.0), ("a1", 1, 1, 14.0), ("b0", 0, 2, 5.0)):
        fabricated.roam(tmp_path / name, queries=40, name="met", shift=size)
        altered(tmp_path / name, seed, size=size)
        path = tmp_path / name / "results.json"
        memory = {"host": 2e9, "device": 3e9} if size == 2 else {"host": 1e9 + 1e8 * seed}
        results = json.loads(path.read_text()) | {"seconds": seconds, "peak_memory_bytes": memory}
        path.write_text(json.dumps(results))
        runs.append(tmp_path / name)
    compare.write(runs, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "costs.csv", dtype=str).set_index("setting")
    mrr = [finished.read(run).scores["mrr"] for run in runs]
    # The fabricated runs have 20 steps and 1,234 parameters.
    assert table.loc["a0"].dropna().to_dict() == {
        "seconds of training": f"12.00 ± {np.std([10, 14], ddof=1):.2f}",
        "seconds per step": f"0.6000 ± {np.std([0.5, 0.7], ddof=1):.4f}",
        "peak memory of the host (GB)": f"1.050 ± {np.std([1.0, 1.1], ddof=1):.3f}",
        "parameters": "1,234 ± 0",
        "mrr": f"{np.mean(mrr[:2]):.4f} ± {np.std(mrr[:2], ddof=1):.4f}",
    }
    assert table.loc["b0", "peak memory of the device (GB)"] == "3.000"
    costly = ("seconds-of-training", "seconds-per-step", "peak-memory-of-the-host-GB")
    costly += ("peak-memory-of-the-device-GB", "parameters", "mrr")
    assert drawn == [f"cost-{name}" for name in costly]
    settings = compare.grouped([finished.read(run) for run in runs])
    seconds = costs.charts({one.name: one.runs for one in settings}, "mrr")[0]
    (bars,) = seconds.series
    assert seconds.x == "seconds of training" and bars.x == ["a0", "b0"]
    np.testing.assert_allclose(bars.y, [12, 5])
    np.testing.assert_allclose(bars.deviation, [np.std([10, 14], ddof=1), 0])


@pytest.mark.parametrize("system", ["remote", "eega"])
def test_other_systems_have_costs_and_no_test_over_relations(system: str, tmp_path: Path) -> None:
    for size in (1, 2):
        fabricated.SYSTEMS[system](tmp_path / f"{size}")
        altered(tmp_path / f"{size}", size=size)
    compare.write([tmp_path / "1", tmp_path / "2"], tmp_path / "out")
    assert (tmp_path / "out" / "costs.tex").exists()
    assert not (tmp_path / "out" / "relations.csv").exists()


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
    for name in ("scores", "differences", "decisions", "relations", "costs"):
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
