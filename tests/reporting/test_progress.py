"""What is told of long work: how far it is, how fast, how long; and nothing of short work."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import pytest

from remote_jax.reporting import progress
from remote_jax.reporting.progress import Progress, muted, say, tracked, working


class Time:
    """A clock that is moved by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    found = Time()
    monkeypatch.setattr(progress, "time", found)
    return found


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    found = capsys.readouterr()
    assert found.out == ""
    return found.err.splitlines()


def slowly(time: Time, count: int, seconds: float) -> Iterator[int]:
    for number in range(count):
        time.now += seconds
        yield number


def test_lines_come_now_and_then(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    training = Progress("training", "steps", 100, start=20)
    time.now += 60  # the first step is compiled
    training.update(21, "loss 2.0000")
    for step, seconds in ((31, 5), (32, 1), (41, 4), (100, 20)):
        time.now += seconds
        training.update(step, f"loss {1 / step:.4f}, best f1 0.5000 at step 20")
    training.close()
    assert told(capsys) == [
        "training: 21 of 100 steps, loss 2.0000",
        # 20 steps took 10 s, and compiling does not count
        "training: 41 of 100 steps, 2.0 steps/s, 00:29 left, "
        "loss 0.0244, best f1 0.5000 at step 20",
        "training: 100 of 100 steps, 2.6 steps/s, 00:00 left, "
        "loss 0.0100, best f1 0.5000 at step 20",
    ]


def test_short_work_tells_nothing(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(tracked(slowly(time, 19, 0.1), "reading", "rows", 19)) == list(range(19))
    with working("compiling"):
        time.now += 1.9
    assert told(capsys) == []


def test_long_work_ends_with_a_line(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in tracked(slowly(time, 1500, 1 / 128), "reading a.txt", "rows"):
        pass
    assert told(capsys) == [
        "reading a.txt: 256 rows, 128.0 rows/s",
        "reading a.txt: 1,500 rows, 128.0 rows/s",
    ]


def test_the_number_of_items_is_known_and_an_item_may_be_many(
    time: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in tracked([0] * 4, "scoring test", "examples", 100, each=32):
        time.now += 4
    assert told(capsys) == [
        "scoring test: 32 of 100 examples",
        "scoring test: 100 of 100 examples, 5.7 examples/s, 00:00 left",
    ]
    for _ in tracked([0] * 2, "encoding texts", "batches"):
        time.now += 20
    assert told(capsys)[-1] == "encoding texts: 2 of 2 batches, 0.05 batches/s, 00:00 left"


def test_work_that_cannot_be_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.02)
    said = threading.Event()
    monkeypatch.setattr(progress, "print", lambda *a, **k: (print(*a, **k), said.set()), False)
    with working("compiling the first step"):
        assert said.wait(10)
        threading.Event().wait(0.02)
    assert told(capsys) == ["compiling the first step ...", "compiling the first step took 00:00"]


def test_one_of_many_processes_is_not_heard(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    with muted():
        say("no")
        list(tracked(slowly(time, 4, 5.0), "reading", "rows"))
    say("yes")
    assert told(capsys) == ["yes"]


def test_what_fails_is_not_hidden(time: Time, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(tracked(broken(), "reading", "rows"))
    assert told(capsys) == []


def test_a_bar_on_a_terminal() -> None:
    code = (
        "import time\n"
        "from remote_jax.reporting.progress import Progress, say\n"
        "bar = Progress('training', 'steps', 8)\n"
        "for n in range(1, 8):\n"
        "    time.sleep(0.15)\n"
        "    bar.update(n, 'loss 0.5000, best f1 0.2500 at step 3')\n"
        "say('a line above')\n"
        "bar.close()\n"
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, close_fds=True) as program:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    assert program.returncode == 0
    text = shown.decode()
    assert "a line above\r\n" in text
    assert "training:" in text and "7/8" in text and "steps/s" in text
    assert "loss 0.5000, best f1 0.2500 at step 3" in text
