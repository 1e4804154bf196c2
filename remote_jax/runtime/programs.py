"""A jitted function that is compiled for batches of several shapes, in all processes together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remote_jax.runtime import processes


class Programs:
    """A jitted function whose last argument is a batch.

    Attributes:
        function: as it was given.
    """

    def __init__(self, name: str, function: Callable[..., Any]):
        self.function = function
        self._name, self._compiled = name, set[tuple[tuple[str, tuple[int, ...]], ...]]()

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function, compiling it first for a batch of a new shape."""
        self.compile(*arguments)
        return self.function(*arguments)

    def compile(self, *arguments: Any) -> None:
        """Compiles the function, unless it is compiled for batches of that shape."""
        shapes = tuple((name, array.shape) for name, array in sorted(arguments[-1].items()))
        if shapes not in self._compiled:
            name = f"{self._name} {len(self._compiled)}"
            processes.compile_together(name, self.function, *arguments)
            self._compiled.add(shapes)
