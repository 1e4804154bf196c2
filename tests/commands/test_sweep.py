"""Variants and seeds become runs, which are trained once, and a table."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import toy

from remote_jax import main
from remote_jax.commands import sweep
from remote_jax.errors import UserError


def test_a_sweep_is_every_variant_with_every_seed_in_folders_of_their_own(tmp_path: Path) -> None:
    runs = sweep.plan(["full:", "no depth: --config.features.depth=false"], ["0", "4"], tmp_path)
    assert [(run.variant, run.seed) for run in runs] == [
        ("full", 0),
        ("no depth", 0),
        ("full", 4),
        ("no depth", 4),
    ]
    assert len({run.workdir for run in runs}) == 4
    arguments = sweep.arguments(runs[3], "configs/umre.py")
    assert arguments[:2] == ["--config=configs/umre.py", f"--workdir={runs[3].workdir}"]
    assert arguments[-2:] == ["--config.seed=4", "--config.features.depth=false"]


@pytest.mark.parametrize(
    ("variants", "seeds"),
    [(["full"], ["0"]), ([":x"], ["0"]), (["a:", "a: --x"], ["0"]), ([], ["0"]), (["a:"], ["x"])],
)
def test_what_is_no_sweep_is_refused(variants: list[str], seeds: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError):
        sweep.plan(variants, seeds, tmp_path)


def test_a_varied_key_has_a_variant_for_each_value(tmp_path: Path) -> None:
    variants = sweep.varied("train.learning_rate=1e-3,0.1") + sweep.varied("model.mot=none")
    runs = sweep.plan(variants, ["0"], tmp_path, ["--config.train.epochs=2"])
    assert [(run.variant, run.flags) for run in runs] == [
        (
            "train.learning_rate=1e-3",
            ("--config.train.epochs=2", "--config.train.learning_rate=1e-3"),
        ),
        (
            "train.learning_rate=0.1",
            ("--config.train.epochs=2", "--config.train.learning_rate=0.1"),
        ),
        ("model.mot=none", ("--config.train.epochs=2", "--config.model.mot=none")),
    ]
    for wrong in ("model.groups", "=1,2", "model.groups=1,,2"):
        with pytest.raises(UserError, match="--vary is KEY=VALUE,VALUE"):
            sweep.varied(wrong)


def test_variants_do_not_share_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="share the folder _depth: rename"):
        sweep.plan(["+depth:", "-depth:"], ["0"], tmp_path)


def test_failed_runs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "is_done", lambda *_: False)  # which would tell before it starts
    runs = sweep.plan(["broken: --no_such_flag=1"], ["0"], tmp_path)
    with pytest.raises(UserError, match=r"broken, seed 0, .*log\.txt"):
        sweep.train(runs, "configs/umre.py", jobs=1)
    assert "no_such_flag" in (runs[0].workdir / "log.txt").read_text()


def toys(folder: Path, *more: str, metrics: str = "accuracy") -> list[str]:
    """Flags of a sweep over two sizes of the toy."""
    flags = (f"--config={toy.__file__}", f"--workdir={folder}", "--config.train.epochs=1")
    return ["sweep", *flags, "--seeds=0", "--vary=model.hidden=4,8", f"--metrics={metrics}", *more]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That sweep, finished."""
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        in_this_process(patch)
        assert main.main(["x", *toys(folder)]) == 0
    return folder


def in_this_process(patch: pytest.MonkeyPatch) -> list[str]:
    """Runs are started by the program itself, in this process; gives the folders of variants."""
    begun: list[str] = []

    def program(command: list[str], **_: object) -> SimpleNamespace:
        begun.append(next(Path(x).parent.name for x in command if "--workdir=" in x))
        return SimpleNamespace(returncode=main.main(command[2:]))

    toy.install()
    patch.setattr(sweep, "subprocess", SimpleNamespace(run=program, STDOUT=None))
    patch.setattr(sweep.os, "sched_setaffinity", lambda *_: None, raising=False)
    return begun


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished sweep."""
    return Path(shutil.copytree(trained, tmp_path / "sweep"))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders of the variants whose runs are started."""
    return in_this_process(monkeypatch)


def results(folder: Path) -> list[bytes]:
    """Of both runs."""
    return [path.read_bytes() for path in sorted(folder.rglob("results.json"))]


def test_a_finished_run_is_not_run_again_and_an_interrupted_one_goes_on(
    folder: Path, started: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    table, (small, large) = (folder / "table.md").read_text(), results(folder)
    # As if it had been stopped at its last step: what it learnt is there, and no result.
    (folder / "model_hidden_8" / "seed0" / "results.json").unlink()
    assert main.main(["x", *toys(folder)]) == 0
    assert started == ["model_hidden_8"]
    again, gone_on = results(folder)
    assert again == small
    before, after = json.loads(large), json.loads(gone_on)
    assert before["metrics"] == after["metrics"] and before["steps"] == after["steps"]
    assert (folder / "table.md").read_text() == table in capfd.readouterr().out


def test_other_flags_are_refused_before_a_run_starts(
    folder: Path, started: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    left = results(folder)
    assert main.main(["x", *toys(folder, "--config.train.clip=3.0")]) == 2
    said = capfd.readouterr().err
    assert "Variant 'model.hidden=4'" in said and "was started with train.clip = " in said
    assert started == [] and results(folder) == left


def test_more_epochs_go_on(folder: Path) -> None:
    toy.install()
    for epochs, done in ((1, True), (2, False)):
        flags = [f"--config.train.epochs={epochs}"]
        (run,) = sweep.plan(sweep.varied("model.hidden=4"), ["0"], folder, flags)
        assert sweep.is_done(run, toy.__file__) == done


def test_any_number_can_be_asked_for(
    folder: Path, started: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["x", *toys(folder, metrics="metrics.validation.accuracy,parameters")]) == 0
    expected = [
        f"| model.hidden={size} | {100 * found['metrics']['validation']['accuracy']:.2f} | "
        f"{found['parameters']}.00 |"
        for size, found in zip((4, 8), map(json.loads, results(folder)), strict=True)
    ]
    assert (folder / "table.md").read_text().splitlines()[2:] == expected
    # What was trained is kept where a name is wrong: the same command with another one is enough.
    assert main.main(["x", *toys(folder, metrics="metric.validation.accuracy")]) == 2
    assert "did you mean 'metrics.validation.accuracy'?" in capfd.readouterr().err
    assert started == []


def test_what_belongs_to_a_sweep_is_written(folder: Path) -> None:
    kept = json.loads((folder / "sweep.json").read_text())
    assert kept == {
        "config": toy.__file__,
        "metrics": ["accuracy"],
        "runs": [
            {
                "variant": f"model.hidden={size}",
                "flags": ["--config.train.epochs=1", f"--config.model.hidden={size}"],
                "seed": 0,
                "folder": f"model_hidden_{size}/seed0",
            }
            for size in (4, 8)
        ],
    }


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
