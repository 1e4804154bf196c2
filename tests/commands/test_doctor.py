"""What `remote-jax doctor` finds, and what it does not."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import jax
import pytest

import remote_jax
from remote_jax import main
from remote_jax.commands import doctor


def report(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, str]:
    """State by what is said of."""
    assert main.main(["remote-jax", "doctor"]) == code
    lines = capsys.readouterr().out.splitlines()
    return {line[7:]: line[:7].strip() for line in lines if line[:7].strip()}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    needed = ["jax>=0.10", "no-such-library>=2; extra == 'some'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: needed)


def test_a_sound_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "remote_jax").mkdir()
    (tmp_path / "remote_jax" / "some").write_bytes(bytes(1_500_000))
    found = report(capsys, 0)
    assert f"jax {jax.__version__}" in found
    assert any(what.startswith(f"remote_jax {remote_jax.__version__}") for what in found)
    assert any(what.startswith("devices: ") and what.endswith("(cpu)") for what in found)
    assert found[f"records and samples: {tmp_path / 'remote_jax'}, 1.5 MB in 1 files"] == "ok"
    encoder = next(what for what in found if "google-bert/bert-base-uncased" in what)
    assert "umre:paper" in encoder and "sample" not in encoder
    assert "error" not in found.values()


def test_what_is_deleted_meanwhile_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(bytes(100_000))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    gone = tmp_path / "meanwhile"

    class Place(type(tmp_path)):  # type: ignore[misc]
        def rglob(self, *_: object, **__: object):  # type: ignore[override, no-untyped-def]
            return iter([gone, tmp_path / "gone", tmp_path / "here", tmp_path])

    assert doctor._size(Place(tmp_path)) == "0.1 MB in 1 files"


@pytest.mark.parametrize("needed", ["jax>=99", "no-such-library>=1"])
def test_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, needed: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [needed])
    found = report(capsys, 2)
    assert [what for what, state in found.items() if f"pip install '{needed}'" in what]


def test_a_cache_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    found = report(capsys, 2)
    place = tmp_path / "file" / "cache" / "remote_jax"
    assert found[f"records and samples: {place} cannot be written"] == "error"


def test_an_encoder_in_the_cache_of_the_hub(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repository = tmp_path / "models--some--encoder"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    (repository / "snapshots" / "abc" / "config.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = doctor._checkpoint("some/encoder", ["umre:paper"])
    assert found.state == "ok" and "umre:paper" in found.what
    assert doctor._checkpoint("some/other", ["umre:paper"]).state == "note"


def test_pipelines() -> None:
    assert doctor._pipeline("no_such_pipeline", ["jmere"]).state == "note"


def test_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["remote-jax", "doctor", "x"]) == 2
    assert "takes no arguments" in capsys.readouterr().err
    assert main.main(["remote-jax", "doctor", "--help"]) == 0
    assert "takes no arguments" in capsys.readouterr().out
