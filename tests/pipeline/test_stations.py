"""Stations run in their order, once for the same inputs, and go on where they were stopped."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.pipeline.stations import STATE, Station, run, start_process
from remote_jax.runtime import signals


def _station(workdir: Path, name: str, inputs: tuple[Path, ...], *flags: str) -> Station:
    output = workdir / name
    return Station(name, "shout", (*flags, str(output)), inputs, output, output / "done.txt")


class Shouting:
    """Stations that write their inputs in capitals; counts which were started."""

    def __init__(self, fails: str = "", code: int = 2, writes: bool = True):
        self.started: list[str] = []
        self.fails, self.code, self.writes = fails, code, writes

    def __call__(self, station: Station, log: Path) -> int:
        self.started.append(station.name)
        station.output.mkdir(exist_ok=True)
        with (station.output / "visits.txt").open("a") as file:
            file.write("x")
        if station.name == self.fails and self.code != 3:
            log.write_text("at work\nno such luck\n\n")
            return self.code
        if self.writes:
            text = "".join(path.read_text() for path in station.inputs).upper()
            station.finished.write_text(text)
        log.write_text(station.command)
        return self.code if station.name == self.fails else 0


@pytest.fixture
def stations(tmp_path: Path) -> list[Station]:
    (tmp_path / "posts.txt").write_text("hello")
    workdir = tmp_path / "work"
    first = _station(workdir, "first", (tmp_path / "posts.txt",))
    return [first, _station(workdir, "second", (first.finished,))]


def test_each_reads_what_the_one_before_it_wrote(stations, tmp_path):
    taken = run(stations, tmp_path / "work", start := Shouting())
    assert start.started == ["first", "second"] and None not in taken.values()
    assert stations[1].finished.read_text() == "HELLO"


def test_nothing_runs_twice_for_the_same_inputs(stations, tmp_path):
    run(stations, tmp_path / "work", Shouting())
    taken = run(stations, tmp_path / "work", start := Shouting())
    assert start.started == [] and taken == {"first": None, "second": None}


def test_other_inputs_are_read_by_all_that_depends_on_them(stations, tmp_path):
    run(stations, tmp_path / "work", Shouting())
    (tmp_path / "posts.txt").write_text("goodbye")
    run(stations, tmp_path / "work", start := Shouting())
    assert start.started == ["first", "second"]
    assert stations[1].finished.read_text() == "GOODBYE"
    assert (stations[0].output / "visits.txt").read_text() == "x"
    aside = stations[0].output.with_name("first.1")  # what was old is kept
    assert (aside / "done.txt").read_text() == "HELLO"


def test_inputs_that_come_out_the_same_stop_there(stations, tmp_path):
    run(stations, tmp_path / "work", Shouting())
    (tmp_path / "posts.txt").write_text("HELLO")
    run(stations, tmp_path / "work", start := Shouting())
    assert start.started == ["first"]


def test_another_command_runs_again(stations, tmp_path):
    run(stations, tmp_path / "work", Shouting())
    again = [stations[0], _station(tmp_path / "work", "second", stations[1].inputs, "--loud")]
    run(again, tmp_path / "work", start := Shouting())
    assert start.started == ["second"]


def test_what_failed_goes_on_with_what_it_has(stations, tmp_path):
    with pytest.raises(UserError, match=r"'second' ended with 2: no such luck .*second.log"):
        run(stations, tmp_path / "work", Shouting(fails="second"))
    run(stations, tmp_path / "work", start := Shouting())
    assert start.started == ["second"]
    assert (stations[1].output / "visits.txt").read_text() == "xx"


def test_some_posts_that_could_not_be_read_stop_nothing(stations, tmp_path):
    run(stations, tmp_path / "work", start := Shouting(fails="first", code=3))
    assert start.started == ["first", "second"]


def test_a_station_that_writes_nothing_is_not_done(stations, tmp_path):
    with pytest.raises(UserError, match="'first' has not written"):
        run(stations, tmp_path / "work", Shouting(writes=False))


def test_an_input_that_is_missing_is_named(stations, tmp_path):
    (tmp_path / "posts.txt").unlink()
    with pytest.raises(UserError, match=r"'first' reads .*posts.txt, which is not there"):
        run(stations, tmp_path / "work", Shouting())


def test_another_name_of_the_folder_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "posts.txt").write_text("hello")
    monkeypatch.chdir(tmp_path)
    for workdir in (Path("work"), tmp_path / "work"):
        run([_station(workdir, "first", (tmp_path / "posts.txt",))], workdir, start := Shouting())
    assert start.started == []


def test_what_resumes_keeps_its_output_and_is_asked_again_for_what_it_lacks(tmp_path):
    (tmp_path / "posts.txt").write_text("hello")
    one = replace(_station(tmp_path / "work", "paid", (tmp_path / "posts.txt",)), resumes=True)
    run([one], tmp_path / "work", Shouting(fails="paid", code=3))
    run([one], tmp_path / "work", Shouting())
    (tmp_path / "posts.txt").write_text("more")
    run([one], tmp_path / "work", Shouting())
    assert (one.output / "visits.txt").read_text() == "xxx"
    assert run([one], tmp_path / "work", Shouting()) == {"paid": None}


@pytest.mark.parametrize(
    ("code", "raised"), [(75, signals.Stopped), (130, KeyboardInterrupt), (-2, KeyboardInterrupt)]
)
def test_a_station_that_was_stopped_stops_the_rest(stations, tmp_path, code, raised):
    with pytest.raises(raised):
        run(stations, tmp_path / "work", start := Shouting(fails="first", code=code))
    assert start.started == ["first"]


def test_sigterm_is_handed_on(tmp_path, monkeypatch):
    """The station ends by it, and this process does not."""
    (tmp_path / "slow.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    station = Station("slow", "slow", (), (), tmp_path, tmp_path)
    log = tmp_path / "slow.log"

    def stop():
        while not (log.is_file() and "here" in log.read_text()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    before = signal.getsignal(signal.SIGTERM)
    assert start_process(station, log) == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_nothing_outside_of_the_folder_is_removed(stations, tmp_path):
    workdir = tmp_path / "work"
    run(stations, workdir, Shouting())
    outside = tmp_path / "precious"
    outside.mkdir()
    moved = Station("first", "shout", ("x",), (), outside, outside / "done.txt")
    with pytest.raises(UserError, match=r"precious is outside of .*work"):
        run([moved], workdir, Shouting())
    assert outside.is_dir()


def test_a_damaged_state_is_named(stations, tmp_path):
    workdir = tmp_path / "work"
    workdir.mkdir()
    (workdir / STATE).write_text(json.dumps({"first": 3}))
    with pytest.raises(UserError, match=r"pipeline.json is damaged"):
        run(stations, workdir, Shouting())


def test_a_process_says_what_it_does_in_its_log(tmp_path):
    station = Station("help", "json.tool", ("--help",), (), tmp_path, tmp_path)
    assert start_process(station, tmp_path / "help.log") == 0
    said = (tmp_path / "help.log").read_text()
    assert said.startswith("$ python -m json.tool --help\n") and "usage" in said
