"""Workers of Ray that are killed: each post is in the output once, as one process writes it."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import dying
import pytest
from small_posts import write

from remote_jax.errors import UserError
from remote_jax.extract import on_ray, run, shards

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")

POSTS = [{"id": f"p{number}", "text": f"text {number}"} for number in range(60)]


@pytest.fixture(autouse=True)
def _by_value() -> Any:
    """Workers get this module as it is here: they do not know the folder of the tests."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(dying)
    yield
    cloudpickle.unregister_pickle_by_value(dying)


def contents(output: Path) -> dict[str, bytes]:
    names = sorted(set(os.listdir(output)) - {shards.LOCK})
    return {name: (output / name).read_bytes() for name in names}


def test_killed_workers_leave_each_post_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "in", [*POSTS, "{"])
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    monkeypatch.setattr(run, "Extractor", lambda runs: dying.Dying(deaths))
    monkeypatch.setattr(shards, "write_atomically", shards.write_atomically)  # put back at the end
    run.extract([path], [Path("run")], tmp_path / "one", size=3)
    for number in range(2):
        (deaths / f"before-{number}").touch()
        (deaths / f"after-{number}").touch()
    make = functools.partial(dying.Dying, deaths)
    output = tmp_path / "ray"

    def work(extractor: Any) -> run.Work:
        return on_ray.work(make, extractor.origin, "", 2)

    done = run.extract([path], [Path("run")], output, size=3, work=work)
    assert (done.posts, done.failed) == (60, 1) and not os.listdir(deaths)
    assert contents(output) == contents(tmp_path / "one")


def test_workers_with_other_runs_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="A worker finds other runs"):
        on_ray.Worker(
            functools.partial(dying.Dying, tmp_path), {"remote: model": "two"}, None, tmp_path
        )
