"""Variants and seeds become runs, and runs become a table."""

import json
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest
import toy

from remote_jax import main
from remote_jax.commands import sweep
from remote_jax.errors import UserError


def finished(workdir: Path, **test: float) -> None:
    workdir.mkdir(parents=True)
    scores = {"validation": dict.fromkeys(test, 0.0), "test": test}
    (workdir / "results.json").write_text(json.dumps({"metrics": scores}))


def test_a_sweep_is_every_variant_with_every_seed_in_folders_of_their_own(tmp_path: Path) -> None:
    runs = sweep.plan(["full:", "no depth: --config.features.depth=false"], ["0", "4"], tmp_path)
    assert [(run.variant, run.seed) for run in runs] == [
        ("full", 0),
        ("no depth", 0),
        ("full", 4),
        ("no depth", 4),
    ]
    assert len({run.workdir for run in runs}) == 4
    arguments = runs[3].arguments("configs/umre.py")
    assert arguments[:2] == ["--config=configs/umre.py", f"--workdir={runs[3].workdir}"]
    assert arguments[-2:] == ["--config.seed=4", "--config.features.depth=false"]


@pytest.mark.parametrize(
    ("variants", "seeds"),
    [(["full"], ["0"]), ([":x"], ["0"]), (["a:", "a: --x"], ["0"]), ([], ["0"]), (["a:"], ["x"])],
)
def test_what_is_no_sweep_is_refused(variants: list[str], seeds: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError):
        sweep.plan(variants, seeds, tmp_path)


def test_the_table_has_the_mean_and_deviation_of_the_last_split(tmp_path: Path) -> None:
    runs = sweep.plan(["full:", "less:"], ["0", "1", "2"], tmp_path)
    values = {"full": [0.91, 0.93, 0.95], "less": [0.5, 0.5, 0.5]}
    for run in runs:
        finished(run.workdir, f1=values[run.variant][run.seed])
    text = sweep.table(runs, ["f1"])
    deviation = statistics.stdev([91, 93, 95])
    assert f"| full | 93.00 ± {deviation:.2f} |" in text
    assert "| less | 50.00 ± 0.00 |" in text


def test_the_table_has_whatever_the_runs_were_scored_by(tmp_path: Path) -> None:
    runs = sweep.plan(["full:", "less:"], ["0", "1"], tmp_path)
    ranks = iter([0.5, 1.0, 120.0, 140.0])
    for run, mrr in zip(runs, [0.4, 0.2, 0.3, 0.2], strict=True):
        finished(run.workdir, **{"mr": next(ranks), "mrr": mrr, "hits@1": 0.0})
    # A mean rank is no share, not even in the rows where it happens to be small.
    assert sweep.table(runs).splitlines() == [
        "| variant | mr | mrr (%) | hits@1 (%) |",
        "|---|---|---|---|",
        "| full | 60.25 ± 84.50 | 35.00 ± 7.07 | 0.00 ± 0.00 |",
        "| less | 70.50 ± 98.29 | 20.00 ± 0.00 | 0.00 ± 0.00 |",
    ]
    assert sweep.table(runs, ["hits@1"]).splitlines()[0] == "| variant | hits@1 (%) |"


def test_scores_that_only_some_runs_have_are_left_out_or_refused(tmp_path: Path) -> None:
    runs = sweep.plan(["full:", "less:"], ["0"], tmp_path)
    finished(runs[0].workdir, f1=0.9, f1_oo=0.8)
    finished(runs[1].workdir, f1=0.9)
    assert sweep.table(runs).splitlines()[0] == "| variant | f1 (%) |"
    with pytest.raises(UserError, match="no score 'f1_oo'; there are f1"):
        sweep.table(runs, ["f1_oo"])


def test_variants_do_not_share_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="share the folder _depth: rename"):
        sweep.plan(["+depth:", "-depth:"], ["0"], tmp_path)


def test_scores_that_are_not_there_are_named(tmp_path: Path) -> None:
    runs = sweep.plan(["full:"], ["0"], tmp_path)
    finished(runs[0].workdir, f1=0.9)
    with pytest.raises(UserError, match="no score 'F1'; there are f1"):
        sweep.table(runs, ["F1"])


def test_failed_runs_are_named(tmp_path: Path) -> None:
    runs = sweep.plan(["broken: --no_such_flag=1"], ["0"], tmp_path)
    with pytest.raises(UserError, match=r"broken, seed 0, .*log\.txt"):
        sweep.train(runs, "configs/umre.py", jobs=1)
    assert "no_such_flag" in (runs[0].workdir / "log.txt").read_text()


def test_a_sweep_goes_on_and_refuses_other_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through the program itself, in this process, on the toy task."""

    def program(command: list[str], **_: object) -> SimpleNamespace:
        toy.install()
        return SimpleNamespace(returncode=main.main(command[2:]))

    monkeypatch.setattr(sweep, "subprocess", SimpleNamespace(run=program, STDOUT=None))
    monkeypatch.setattr(sweep.os, "sched_setaffinity", lambda *_: None, raising=False)

    def train(flags: str) -> None:
        sweep.train(sweep.plan([f"full: {flags}"], ["0"], tmp_path), toy.__file__, jobs=1)

    train("--config.train.epochs=1")
    left = (tmp_path / "full" / "seed0" / "results.json").read_bytes()
    train("--config.train.epochs=1")
    assert "The run is finished" in capfd.readouterr().out
    with pytest.raises(UserError, match="ended with an error"):
        train("--config.train.epochs=1 --config.train.clip=3.0")
    assert "was started with train.clip = " in capfd.readouterr().err
    assert (tmp_path / "full" / "seed0" / "results.json").read_bytes() == left


@pytest.mark.parametrize(
    ("config", "flags", "said"),
    [
        ("umer", "", "Variant 'full': There is no config umer (did you mean 'umre'?)"),
        ("umre", "--config.train.epoch=1", "did you mean 'train.epochs'"),
        ("umre", "--config.train.batch_size=0", "a whole number at least 1, found 0"),
        ("umre", "--mode=eval", "something else than training"),
    ],
)
def test_mistakes_are_told_before_a_run_starts(
    config: str,
    flags: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "train", lambda *_: pytest.fail("a run was started"))
    where = (f"--config={config}", f"--workdir={tmp_path / 'sweep'}", "--seeds=0")
    assert main.main(["x", "sweep", *where, f"--variant=full: {flags}"]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not (tmp_path / "sweep").exists()


def test_ctrl_c_starts_no_more_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def interrupted(run: sweep.Run, *_: object) -> None:
        begun.append(run.seed)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "_train_one", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.train(sweep.plan(["full:"], [str(n) for n in range(2000)], tmp_path), "x", jobs=1)
    assert 0 < len(begun) < 2000
