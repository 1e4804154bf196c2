"""A jitted function that is compiled for batches of several shapes, in all processes together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax

from remote_jax.runtime import allocator, processes

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
        self._compiled: dict[Shapes, jax.stages.Compiled] = {}

    def __len__(self) -> int:
        """How many programs there are by now."""
        return len(self._compiled)

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function, compiling it first for a batch of a new shape."""
        self.compile(*arguments)
        return self._compiled[_shapes(arguments)](*arguments)

    def compile(self, *arguments: Any) -> None:
        """Compiles the function, in all of many processes together, unless it is for that shape.

        The compiler leaves as much memory free as a small step takes, in pieces between what it
        keeps. It is given back before a first call asks for the buffers of a step.
        """
        shapes = _shapes(arguments)
        if shapes in self._compiled:
            return
        with self._around(self._doing()):
            name = f"{self._name} {len(self)}"
            self._compiled[shapes] = processes.compiled_together(name, self.function, *arguments)
            allocator.give_back()

    def _doing(self) -> str:
        of = f", shape {len(self) + 1} of {self._most}" if self._most > 1 else ""
        return f"compiling {'another' if self._compiled else 'the first'} {self._name}{of}"


def _shapes(arguments: tuple[Any, ...]) -> Shapes:
    return tuple((name, array.shape) for name, array in sorted(arguments[-1].items()))
