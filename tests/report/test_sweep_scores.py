"""Numbers of results by name, and the table of a sweep."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.report.sweep import plan, scores
from remote_jax.report.sweep.plan import Run
from remote_jax.reporting.numbers import named


def finished(run: Run, more: dict | None = None, **test: float) -> None:
    run.workdir.mkdir(parents=True)
    found = {"validation": dict.fromkeys(test, 0.0), "test": test}
    (run.workdir / "results.json").write_text(json.dumps({"metrics": found, **(more or {})}))


def planned(folder: Path, *variants: str, seeds: int = 1) -> list[Run]:
    return [
        Run(name, (), seed, folder / name / f"seed{seed}")
        for seed in range(seeds)
        for name in variants
    ]


def table(runs: list[Run], *metrics: str) -> list[str]:
    return scores.markdown(scores.read(runs, metrics)).splitlines()


def test_the_table_has_the_mean_and_deviation_of_the_last_split(tmp_path: Path) -> None:
    runs = planned(tmp_path, "full", "less", seeds=3)
    values = {"full": [0.91, 0.93, 0.95], "less": [0.5, 0.5, 0.5]}
    for run in runs:
        finished(run, f1=values[run.variant][run.seed])
    deviation = statistics.stdev([91, 93, 95])
    assert table(runs, "f1")[2:] == [
        f"| full | 93.00 ± {deviation:.2f} |",
        "| less | 50.00 ± 0.00 |",
    ]


def test_the_table_has_whatever_the_runs_were_scored_by(tmp_path: Path) -> None:
    runs = planned(tmp_path, "full", "less", seeds=2)
    ranks = iter([0.5, 1.0, 120.0, 140.0])
    for run, mrr in zip(runs, [0.4, 0.2, 0.3, 0.2], strict=True):
        finished(run, **{"mr": next(ranks), "mrr": mrr, "hits@1": 0.0})
    # A mean rank is no share, not even in the rows where it happens to be small.
    assert table(runs) == [
        "| variant | mr | mrr (%) | hits@1 (%) |",
        "|---|---|---|---|",
        "| full | 60.25 ± 84.50 | 35.00 ± 7.07 | 0.00 ± 0.00 |",
        "| less | 70.50 ± 98.29 | 20.00 ± 0.00 | 0.00 ± 0.00 |",
    ]
    assert table(runs, "hits@1")[0] == "| variant | hits@1 (%) |"


def test_every_number_of_results_has_a_name(tmp_path: Path) -> None:
    (run,) = planned(tmp_path, "full")
    gauges = {"validation": {"router/entropy": 0.9}, "test": {"router/entropy": 0.25, "x": 1.0}}
    more = {
        "seconds": 12.5,
        "gauges": gauges,
        "peak_memory_bytes": {"host": 2_345_678_901, "device": 5},
        "never_above_zero": False,
        "config": {"model": {"groups": 4, "name": "x"}},
        "tables": [{"rows": [[1.0]]}],
        "broken": [1e400, float("nan")],
        "lost": float("nan"),
    }
    finished(run, more, mrr=0.5)
    asked = {
        "mrr (%)": "50.00",
        "metrics.validation.mrr (%)": "0.00",
        "metrics.test.mrr (%)": "50.00",
        "router/entropy": "0.2500",  # in nats: no share
        "gauges.validation.router/entropy": "0.9000",
        "seconds": "12.50",
        "peak_memory_bytes.host": "2,345,678,901",
        "config.model.groups": "4.000",
    }
    names = [title.removesuffix(" (%)") for title in asked]
    assert table([run], *names) == [
        f"| variant | {' | '.join(asked)} |",
        "|---" * 9 + "|",
        f"| full | {' | '.join(asked.values())} |",
    ]
    known = named(json.loads((run.workdir / "results.json").read_text()))
    assert {name for name in known if "." not in name} == {"mrr", "router/entropy", "x", "seconds"}
    assert next(iter(known)) == "mrr"


def test_a_wrong_name_gets_a_near_one(tmp_path: Path) -> None:
    runs = planned(tmp_path, "full", "less")
    for run in runs:
        finished(run, {"peak_memory_bytes": {"host": 1}}, f1=0.9)
    for wrong, near in (
        ("f_1", "f1"),
        ("metric.test.f1", "metrics.test.f1"),
        ("peak_memory.host", "peak_memory_bytes.host"),
    ):
        said = f"no number '{wrong}' in results.json of .*full/seed0 .*did you mean '{near}'"
        with pytest.raises(UserError, match=said):
            table(runs, wrong)


def test_what_some_runs_lack_leaves_their_cells_empty(tmp_path: Path) -> None:
    runs = planned(tmp_path, "full", "less")
    finished(runs[0], f1=0.9, f1_oo=0.8)
    finished(runs[1], f1=0.9)
    assert table(runs)[0] == "| variant | f1 (%) |"
    assert table(runs, "f1_oo")[2:] == ["| full | 80.00 |", "| less |  |"]


def test_a_sweep_is_read_as_it_was_written(tmp_path: Path) -> None:
    sweep = plan.Sweep("umre:paper", ("f1",), tuple(planned(tmp_path, "a b", "c", seeds=2)))
    plan.write(sweep, tmp_path)
    assert plan.read(tmp_path) == sweep


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"folder": "../elsewhere"}, "goes up a folder"),
        ({"folder": "/etc"}, "is absolute"),
        ({"folder": 3}, "3 stands where a text is expected"),
        ({"seed": "0"}, 'a seed is "0", expected a whole number'),
        ({"flags": "--x"}, "a list is expected"),
        ({"variant": None}, "null stands where a text"),
    ],
)
def test_a_sweep_that_no_command_writes_is_refused(change: dict, said: str, tmp_path: Path) -> None:
    run = {"variant": "a", "flags": [], "seed": 0, "folder": "a/seed0", **change}
    path = tmp_path / plan.FILE
    path.write_text(json.dumps({"config": "umre", "metrics": [], "runs": [run]}))
    with pytest.raises(UserError, match=f"sweep.json is not as a sweep writes it: .*{said}"):
        plan.read(tmp_path)
    for text in ('{"config": "umre", "metrics": []}', '{"config": 1, "metrics": [], "runs": [1]}'):
        path.write_text(text)
        with pytest.raises(UserError, match=r"sweep\.json is not as a sweep writes it"):
            plan.read(tmp_path)
    path.write_text('{"config": "umre", "metrics": [], "runs": []}')
    with pytest.raises(UserError, match="names no run"):
        plan.read(tmp_path)
