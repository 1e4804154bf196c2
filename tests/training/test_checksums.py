"""Checkpoints that were cut off or changed."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
import toy
from runs import MESH, assert_same
from test_checkpoint import assert_equal, state
from test_loop import Stop, run, stop_at

from remote_jax import config as configs
from remote_jax import main
from remote_jax.errors import UserError
from remote_jax.training import checkpoint, checksums
from remote_jax.training.checkpoint import Checkpoints
from remote_jax.training.checksums import CorruptCheckpoint
from remote_jax.training.record import Record


def largest(folder: Path) -> Path:
    """The file with the values of arrays that are too large for an index."""
    folder = folder / "ocdbt.process_0" / "d"
    return max((path for path in folder.iterdir()), key=lambda p: p.stat().st_size)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(bytes(content))


WAYS = {
    "values cut off": lambda step: cut(largest(step / "arrays")),
    "a bit of the values flipped": lambda step: flip(largest(step / "arrays")),
    "values gone": lambda step: largest(step / "arrays").unlink(),
    "metadata gone": lambda step: (step / "arrays" / "_METADATA").unlink(),
    "metadata cut off": lambda step: cut(step / "arrays" / "_METADATA"),
    "a letter of a name changed": lambda step: (step / "arrays" / "_METADATA").write_text(
        (step / "arrays" / "_METADATA").read_text().replace("bias", "bjas")
    ),
    "index cut off": lambda step: cut(step / "arrays" / "manifest.ocdbt"),
    "arrays gone": lambda step: shutil.rmtree(step / "arrays"),
    "record gone": lambda step: shutil.rmtree(step / "record"),
    "record cut off": lambda step: cut(step / "record" / "metadata"),
    "a digit of the record changed": lambda step: (step / "record" / "metadata").write_text(
        (step / "record" / "metadata").read_text().replace("0.25", "0.75")
    ),
}


def save(workdir: Path, *steps: int, best: int | None = None) -> dict[int, Any]:
    """Checkpoints of steps; the best one is saved with the step that it is of."""
    found = {step: jax.tree.map(lambda x, n=step: x + n, state(300)) for step in steps}
    record = Record({}, window={"loss": [0.25]})
    with Checkpoints(workdir) as checkpoints:
        for step in steps:
            if step == best:
                record.best = {"step": step, "metrics": {"f1": 0.5}}
                checkpoints.save_best(found[step].params, record.best)
            record.step = step
            checkpoints.save(found[step], record)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_damaged_checkpoint_is_passed_over(way: str, tmp_path: Path) -> None:
    saved = save(tmp_path, 4, 8, best=4)
    latest = tmp_path / "checkpoints" / "latest"
    WAYS[way](latest / "8")
    with Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.restore(jax.eval_shape(lambda: saved[4]), MESH)
        assert found is not None and found.record.step == 4 and set(found.lost) == {8}
        assert_equal(found.state, saved[4])
        checkpoints.save(saved[8], Record({}, 8))
    assert (tmp_path / "checkpoints" / "damaged" / "latest-8").is_dir()
    with Checkpoints(tmp_path) as checkpoints:
        again = checkpoints.restore(jax.eval_shape(lambda: saved[8]), MESH)
    assert again is not None and not again.lost
    assert_equal(again.state, saved[8])


NO_DAMAGE = {
    "Permission denied": OSError(errno.EACCES, "no"),
    "Too many open files": ValueError("RESOURCE_EXHAUSTED: Error [os_error_code='24']"),
    "Input/output error": OSError(errno.EIO, "no"),
    "memory": MemoryError("memory"),
    "lost": jax.errors.JaxRuntimeError("UNAVAILABLE: lost"),
}


@pytest.mark.parametrize("says", NO_DAMAGE)
def test_what_is_no_damage_moves_nothing(
    says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, error = save(tmp_path, 4, 8, best=4)[4], NO_DAMAGE[says]

    def fails(*_: object, **__: object) -> None:
        raise Exception("Encountered error while reading array index") from error

    monkeypatch.setattr(ocp.StandardCheckpointHandler, "restore", fails)
    told = isinstance(error, OSError | ValueError)
    kind, sentence = (
        (UserError, rf"latest/8: {says}\. Mend") if told else (Exception, "array index")
    )
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(kind, match=sentence) as caught:
        checkpoints.restore(one, MESH)
    assert not isinstance(caught.value, CorruptCheckpoint)
    assert told or caught.value.__cause__ is error
    latest = tmp_path / "checkpoints" / "latest"
    assert {path.name for path in latest.iterdir()} == {"4", "8"}
    assert not (tmp_path / "checkpoints" / "damaged").exists()


def test_a_damaged_checkpoint_is_told_in_plain_words(tmp_path: Path) -> None:
    told = {
        "values cut off": "an array cannot be read",
        "metadata gone": "its description is malformed",
        "record cut off": "a part of it is no JSON",
        "arrays gone": "a part of it is missing",
    }
    for way, words in told.items():
        workdir = tmp_path / way
        one = save(workdir, 4, 8)[4]
        WAYS[way](workdir / "checkpoints" / "latest" / "8")
        with Checkpoints(workdir) as checkpoints:
            found = checkpoints.restore(one, MESH)
        assert found is not None and found.lost == {8: words}


def test_a_record_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = state()
    newer = {"fingerprint": {}, "step": 4, "unheard": 1}
    with Checkpoints(tmp_path / "newer") as checkpoints:
        checkpoint._save(checkpoints._latest, 4, one, newer)
    monkeypatch.setattr(checksums, "with_checksums", lambda record, arrays: record)
    with Checkpoints(tmp_path / "older") as checkpoints:
        checkpoints.save(one, Record({}, 4))
    for name, words in (("newer", "another version.*unheard"), ("older", "an older version")):
        with Checkpoints(tmp_path / name) as checkpoints:
            with pytest.raises(UserError, match=words):
                checkpoints.restore(one, MESH)
            with pytest.raises(UserError, match=words):
                checkpoints.record()
        assert (tmp_path / name / "checkpoints" / "latest" / "4").is_dir()


def test_none_is_whole(tmp_path: Path) -> None:
    one = save(tmp_path, 4, 8)[4]
    for step in ("4", "8"):
        cut(largest(tmp_path / "checkpoints" / "latest" / step / "arrays"))
    whole = r"latest is whole \(step 8: .*; step 4: .*put back"
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError, match=whole):
        checkpoints.restore(one, MESH)
    assert (tmp_path / "checkpoints" / "latest" / "8").is_dir()


@pytest.mark.parametrize("way", ["values cut off", "a bit of the values flipped", "record cut off"])
def test_a_damaged_best_is_made_again_where_its_step_is_kept(way: str, tmp_path: Path) -> None:
    for best in (4, 8):
        workdir = tmp_path / str(best)
        saved = save(workdir, 4, 8, best=best)
        folder = workdir / "checkpoints" / "best" / str(best)
        WAYS[way](folder)
        with Checkpoints(workdir) as checkpoints:
            with pytest.raises(UserError, match=rf"best/{best} is damaged \("):
                checkpoints.restore_best(saved[8].params, MESH)
            found = checkpoints.restore(saved[8], MESH)
            assert found is not None and found.record.step == 8
        with Checkpoints(workdir) as checkpoints:
            params, record = checkpoints.restore_best(saved[8].params, MESH)
        assert_equal(params, saved[best].params)
        assert record == {"step": best, "metrics": {"f1": 0.5}}


def test_a_best_that_nothing_else_has_is_lost(tmp_path: Path) -> None:
    one = save(tmp_path, 2, 4, 8, best=2)[2]
    cut(largest(tmp_path / "checkpoints" / "best" / "2" / "arrays"))
    lost = "best on validation, of step 2, are lost"
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError, match=lost):
        checkpoints.restore(one, MESH)
    shutil.rmtree(tmp_path / "checkpoints" / "best" / "2")
    gone = r"of step 2, are lost \(gone"
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError, match=gone):
        checkpoints.restore(one, MESH)


def test_a_damaged_best_of_a_step_to_come_gives_way(tmp_path: Path) -> None:
    saved = save(tmp_path, 4, 8, best=8)
    for kind in ("best", "latest"):
        cut(largest(tmp_path / "checkpoints" / kind / "8" / "arrays"))
    with Checkpoints(tmp_path) as checkpoints:
        found = checkpoints.restore(saved[4], MESH)
        assert found is not None and found.record.step == 4 and found.record.best is None
        aside = tmp_path / "checkpoints" / "damaged"
        assert {path.name for path in aside.iterdir()} == {"best-8", "latest-8"}
        checkpoints.save_best(saved[8].params, {"step": 8, "metrics": {"f1": 0.5}})
    with Checkpoints(tmp_path) as checkpoints:
        assert_equal(checkpoints.restore_best(saved[8].params, MESH)[0], saved[8].params)


def test_a_damaged_record_is_told_where_only_it_is_read(tmp_path: Path) -> None:
    save(tmp_path, 4, 8)
    cut(tmp_path / "checkpoints" / "latest" / "8" / "record" / "metadata")
    with (
        Checkpoints(tmp_path, read_only=True) as checkpoints,
        pytest.raises(UserError, match="latest/8 is damaged"),
    ):
        checkpoints.record()


def test_a_run_does_again_what_was_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest checkpoint and the best one of the same step, as a disk that lost power leaves."""
    config = toy.get_config(**{"train.epochs": 2.25})
    toy.install()
    run(tmp_path / "whole", config)
    stop_at(monkeypatch, 14)
    with pytest.raises(Stop):
        run(tmp_path / "parts", config)
    monkeypatch.undo()
    checkpoints = tmp_path / "parts" / "checkpoints"
    assert {path.name for path in (checkpoints / "latest").iterdir()} == {"8", "12"}
    assert (checkpoints / "best" / "12").is_dir()
    for kind in ("best", "latest"):
        cut(checkpoints / kind / "12" / "arrays" / "manifest.ocdbt")
    capsys.readouterr()
    flags = [f"--config={Path(toy.__file__)}", f"--workdir={tmp_path / 'parts'}"]
    configs.write(config, tmp_path / "parts")
    assert main.main(["x", *flags, "--config.train.epochs=2.25"]) == 0
    said = capsys.readouterr().err
    assert re.search(r"of step 12 is damaged \(.*\): 4 steps are done again\n", said)
    assert "goes on after step 8 of 14" in said
    assert_same(tmp_path / "whole", tmp_path / "parts", config)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.int8, jnp.bool_])
def test_any_flipped_bit_changes_the_sum(dtype: Any) -> None:
    array = jnp.arange(12).reshape(3, 4).astype(dtype)
    whole = checksums.sum_of_bits({"a": array, "b": jnp.ones(3)})
    content = np.array(array)
    bits = 1 if dtype == jnp.bool_ else 8 * content.itemsize
    for bit in range(bits):
        flipped = bytearray(content.tobytes())
        flipped[5 * content.itemsize + bit // 8] ^= 1 << (bit % 8)
        other = np.frombuffer(bytes(flipped), content.dtype).reshape(3, 4)
        found = checksums.sum_of_bits({"a": jnp.asarray(other), "b": jnp.ones(3)})
        assert found != whole


def test_a_record_is_read_back_with_its_checksums_right() -> None:
    record, arrays = {"step": 3, "best": None, "x": [1 / 3]}, {"a": jnp.ones(4)}
    stored = checksums.with_checksums(record, arrays)
    assert checksums.verified(stored, arrays) == checksums.verified(stored) == record
    with pytest.raises(CorruptCheckpoint, match="record has changed"):
        checksums.verified({**stored, "step": 4})
    with pytest.raises(CorruptCheckpoint, match="arrays have changed"):
        checksums.verified(stored, {"a": jnp.ones(4).at[2].set(2)})
