"""The sample's folder: whole or absent, one for all who ask at once, and readable."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from sample_keys import sample_keys

from remote_jax import config as configs
from remote_jax.errors import UserError
from remote_jax.remote.sample import folder, write
from remote_jax.remote.settings import KEYS

NUMBERS = {"train": 3, "validation": 1, "test": 1, "seed": 0}
SLOW = """
import json, sys, time
from pathlib import Path
from ml_collections import ConfigDict
from remote_jax.remote.sample import folder
write = folder.write
def slow(*args, **numbers):
    write(*args, **numbers)
    print("written", flush=True)
    time.sleep(float(sys.argv[3]))
folder.write = slow
print(folder.ensure(Path(sys.argv[1]), ConfigDict(json.loads(sys.argv[2]))))
"""


def start(cache: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that builds, and then waits before it puts the sample in its place."""
    command = [sys.executable, "-c", SLOW, str(cache), json.dumps(NUMBERS), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def until_written(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line == "written\n":
            return
    raise AssertionError("it ended before it had written")


def names(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "umre_sample").iterdir())


def content(root: Path) -> dict[str, bytes]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_leftovers_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    with start(tmp_path, 60) as process:
        until_written(process)
        process.send_signal(signal.SIGKILL)
    old = tmp_path / "umre_sample" / "partial-of_an_older_version"
    old.mkdir()
    assert len(names(tmp_path)) == 3, "nothing was under way"
    found = folder.ensure(tmp_path, ConfigDict(NUMBERS))
    assert names(tmp_path) == [".lock", found.name]
    (tmp_path / "expected").mkdir()
    write.write(tmp_path / "expected", **NUMBERS)
    assert content(found) == content(tmp_path / "expected")


def test_a_build_under_way_is_waited_for(tmp_path: Path) -> None:
    with start(tmp_path, 2) as first:
        until_written(first)
        found = folder.ensure(tmp_path, ConfigDict(NUMBERS))
        inode = found.stat().st_ino
        first.wait()
    assert first.returncode == 0 and found.stat().st_ino == inode
    assert names(tmp_path) == [".lock", found.name]


def test_the_folder_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        found = folder.ensure(tmp_path, ConfigDict(NUMBERS))
    finally:
        os.umask(before)
    assert found.stat().st_mode & 0o777 == 0o750
    assert all(path.stat().st_mode & 0o040 for path in found.rglob("*"))


def test_a_whole_sample_needs_no_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = folder.ensure(tmp_path, ConfigDict(NUMBERS))
    (tmp_path / "umre_sample" / ".lock").unlink()
    monkeypatch.setattr(folder, "write", lambda *_, **__: pytest.fail("it was written again"))
    assert folder.ensure(tmp_path, ConfigDict(NUMBERS)) == found
    assert names(tmp_path) == [found.name]


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "umre_sample").write_text("")
    with pytest.raises(UserError, match=r"Cannot write the cache .*umre_sample: File exists"):
        folder.ensure(tmp_path, ConfigDict(NUMBERS))


def test_numbers_must_be_positive() -> None:
    with pytest.raises(UserError, match=r"sample\.test must be a whole number .*, found 0"):
        configs.check(*sample_keys(NUMBERS | {"test": 0}, KEYS))
