"""Answers as far as they are written, so that a `predict` that was killed goes on.

`OUTPUT.partial` has the answers, one a line. `OUTPUT.partial.json` says of which posts and which
model they are, and how far they go. It is written after each block of answers, in one move: what is
in the other file beyond it, such as a line that was cut off, is dropped.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from remote_jax.data.files import lock, read_json
from remote_jax.errors import UserError, writing
from remote_jax.reporting.results import json_line, write_json

SOME_UNANSWERED = 3
"""Exit code where the answers are written, and some of them are errors."""

MAX_STATE = 2**16
"""Bytes of `OUTPUT.partial.json`."""

NAMED = 5
"""Lines with an error that are named."""

READ = 2**20
"""Bytes that are read at a time."""

EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class Done:
    """How far the answers go.

    Attributes:
        line: the last line of the posts that is answered.
        answers: how many there are.
        errors: how many of them are errors.
        wrong_lines: the first `NAMED` lines of posts that got an error.
        size, sha256: of the answers, in bytes.
    """

    line: int = 0
    answers: int = 0
    errors: int = 0
    wrong_lines: tuple[int, ...] = ()
    size: int = 0
    sha256: str = EMPTY

    @classmethod
    def read(cls, value: object) -> Done | None:
        """What a file says; None where it does not say this."""
        if not isinstance(value, dict) or value.keys() != asdict(cls()).keys():
            return None
        lines, digest = value["wrong_lines"], value["sha256"]
        if not isinstance(lines, list) or len(lines) > NAMED or not isinstance(digest, str):
            return None
        numbers = [*lines, *(value[key] for key in ("line", "answers", "errors", "size"))]
        if not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
            return None
        return cls(**{**value, "wrong_lines": tuple(lines)})


class PartialAnswers:
    """The answers of one `predict`; `opened` makes one.

    Attributes:
        done: how far they go.
        lost: why answers that were there are not gone on with; "" where they are, or none were.
    """

    done: Done
    lost: str

    def __init__(self, target: Path, origin: Mapping[str, str]):
        self._target, self._origin = _followed(target), dict(origin)
        self.path, self._state = companions(self._target)
        self._file = _open(self.path)
        try:
            with writing(self.path):
                lock(
                    self._file.fileno(),
                    f"Another process writes {self.path}: wait for it, or choose another --output.",
                )
                self._digest = hashlib.sha256()
                self.done, self.lost = self._resume()
                self._file.truncate(self.done.size)
                self._file.seek(self.done.size)
        except BaseException:
            self._file.close()
            raise

    def _resume(self) -> tuple[Done, str]:
        """How far the answers go that are there, and why they are not of use if they are not."""
        if not self._state.is_file():
            return Done(), ""
        try:
            state = read_json(self._state, MAX_STATE)
        except UserError:
            return Done(), f"{self._state.name} is damaged"
        done, origin = Done.read(state.get("done")), state.get("origin")
        if done is None or not isinstance(origin, dict):
            return Done(), f"{self._state.name} is damaged"
        if differ := [key for key, value in self._origin.items() if origin.get(key) != value]:
            return Done(), f"other than then: {', '.join(differ)}"
        left = done.size
        while left and (part := self._file.read(min(left, READ))):
            self._digest.update(part)
            left -= len(part)
        if left or self._digest.hexdigest() != done.sha256:
            self._digest = hashlib.sha256()
            return Done(), f"{self.path.name} was changed"
        return done, ""

    def append(self, answers: Sequence[Mapping[str, Any]], wrong: Sequence[int]) -> None:
        """Writes the answers to the next lines, and how far they go now.

        Args:
            answers: with their `line`; in order, and not empty.
            wrong: the lines whose answer is an error.

        Raises:
            UserError: they cannot be written.
        """
        text = "".join(map(json_line, answers)).encode()
        self._digest.update(text)
        with writing(self.path):
            self._file.write(text)
            self._file.flush()
            os.fsync(self._file.fileno())
        self.done = Done(
            line=answers[-1]["line"],
            answers=self.done.answers + len(answers),
            errors=self.done.errors + len(wrong),
            wrong_lines=(*self.done.wrong_lines, *wrong)[:NAMED],
            size=self.done.size + len(text),
            sha256=self._digest.hexdigest(),
        )
        write_json(self._state, {"origin": self._origin, "done": asdict(self.done)})

    def finish(self) -> None:
        """Gives the answers their name, in one move.

        Raises:
            UserError: that cannot be done.
        """
        with writing(self._target):
            self.path.replace(self._target)
            self._state.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file."""
        with writing(self.path):
            self._file.close()


@contextmanager
def opened(target: Path, origin: Mapping[str, str]) -> Iterator[PartialAnswers]:
    """The answers that are to become `target`, as far as they are.

    Args:
        origin: what they are answers of, as digests by what a person calls it. Answers of
            something else are dropped.

    Raises:
        UserError: nothing can be written there, or another process does.
    """
    found = PartialAnswers(target, origin)
    try:
        yield found
    finally:
        found.close()


def check_paths(source: Path, target: Path, flag: str = "input", what: str = "posts") -> None:
    """Looks at the names of the posts and of the answers, before either is opened.

    Args:
        flag: that names `source`.
        what: is in it.

    Raises:
        UserError: to write the answers would overwrite the posts, or something that is no file.
    """
    target = _followed(target)
    if os.path.exists(target) and not os.path.isfile(target):
        raise UserError(f"--output={target} is no plain file, expected a name for the answers.")
    for path in (target, *companions(target)):
        if _same(source, path):
            raise UserError(
                f"--{flag} and --output name one file, {source}, and the answers would overwrite "
                f"the {what}: choose another --output."
            )


def tell(done: Done, source: Path, target: Path, what: str = "posts") -> None:
    """Prints how many posts were answered and, on standard error, which could not be."""
    print(f"{done.answers - done.errors:,} of {done.answers:,} {what} are answered in {target}")
    if done.errors:
        lines = "line" if done.errors == 1 else "lines"
        lines += f" {', '.join(map(str, done.wrong_lines))}"
        more = ", ..." if done.errors > len(done.wrong_lines) else ""
        print(
            f"remote_jax: {done.errors:,} of {done.answers:,} {what} could not be answered ("
            f'{lines}{more} of {source}); the "error" of each in {target} says why.',
            file=sys.stderr,
        )


def _same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, by whatever links."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them does not exist
        return False


def _followed(path: Path) -> Path:
    """Where a link leads, so that the file is replaced and not the link.

    Raises:
        UserError: it leads nowhere.
    """
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise UserError(f"--output={path} cannot be followed: {error}.") from error


def companions(target: Path) -> tuple[Path, Path]:
    """The files beside the answers while they are written: those so far, and how far they go."""
    return target.with_name(f"{target.name}.partial"), target.with_name(
        f"{target.name}.partial.json"
    )


def _open(path: Path) -> BinaryIO:
    """A file to read and write, made where there is none; no link is followed."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UserError(f"{path} is no plain file: move it away, or choose another --output.")
    return os.fdopen(descriptor, "r+b")
