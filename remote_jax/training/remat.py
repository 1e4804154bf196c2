"""Rematerialisation: recomputes activations in the backward pass instead of storing them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from flax import nnx

P = ParamSpec("P")
R = TypeVar("R")


def rematerialised(method: Callable[P, R]) -> Callable[P, R]:
    """Keeps nothing but the inputs of a module's method where the module's `remat` is set.

    The module has a class attribute `remat = False`; `switch` sets it. Values are the same either
    way, dropout's included, because its keys come in with `rngs`. XLA's compiler for CPUs may
    recompute activations early and save no memory; those for accelerators do it late.
    """

    @functools.wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> Any:
        if not self.remat:
            return method(self, *args, **named)

        # nnx.remat takes no arguments by name.
        def positional(module: Any, *rest: Any) -> R:
            given = zip(named, rest[len(args) :], strict=True)
            return method(module, *rest[: len(args)], **dict(given))

        return nnx.remat(positional)(self, *args, *named.values())

    return call  # type: ignore[return-value]


def switch(model: nnx.Module, on: bool) -> nnx.Module:
    """The model, with every block that can be rematerialised told whether to; in place."""
    for _, module in nnx.iter_modules(model):
        if hasattr(module, "remat"):
            module.remat = on
    return model
