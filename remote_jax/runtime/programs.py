"""A jitted function that is compiled for batches of several shapes, in all processes together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from remote_jax.runtime import processes

Shapes = tuple[tuple[str, tuple[int, ...]], ...]


def silently(doing: str) -> AbstractContextManager[object]:
    """Says nothing of what is done."""
    del doing
    return nullcontext()


class Programs:
    """A jitted function whose last argument is a batch.

    Attributes:
        function: as it was given.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        shapes: int = 1,
        around: Callable[[str], AbstractContextManager[object]] = silently,
    ):
        """Compiles nothing yet.

        Args:
            name: what a call is, as "step".
            shapes: most of them that there will be, as far as it is known.
            around: what compiling happens in, from a line that says so.
        """
        self.function = function
        self._name, self._most, self._around = name, shapes, around
        self._compiled, self._called = set[Shapes](), set[Shapes]()

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function, compiling it first for a batch of a new shape."""
        shapes = _shapes(arguments)
        if shapes in self._called:
            return self.function(*arguments)
        with self._around(self._doing(len(self._called))):
            self._together(shapes, arguments)
            found = self.function(*arguments)  # one process alone compiles here
        self._called.add(shapes)
        return found

    def compile(self, *arguments: Any) -> None:
        """Compiles the function in all of many processes, unless it is, for that shape."""
        with self._around(self._doing(len(self._compiled))):
            self._together(_shapes(arguments), arguments)

    def _together(self, shapes: Shapes, arguments: tuple[Any, ...]) -> None:
        if shapes not in self._compiled:
            name = f"{self._name} {len(self._compiled)}"
            processes.compile_together(name, self.function, *arguments)
            self._compiled.add(shapes)

    def _doing(self, before: int) -> str:
        of = f", shape {before + 1} of {self._most}" if self._most > 1 else ""
        return f"compiling {'another' if before else 'the first'} {self._name}{of}"


def _shapes(arguments: tuple[Any, ...]) -> Shapes:
    return tuple((name, array.shape) for name, array in sorted(arguments[-1].items()))
