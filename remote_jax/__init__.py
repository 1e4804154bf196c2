"""Optimal transport and expert routing for multimodal knowledge graphs, in JAX.

import remote_jax

model = remote_jax.load("runs/umre-seed0")
answers = model.predict([{"text": "Ann plays for Rovers", "entities": [[0, 3], [14, 20]]}])
print(answers[0].to_dict())
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remote_jax.data.posts import Answer as Answer
    from remote_jax.data.posts import Post as Post
    from remote_jax.data.posts import Query as Query
    from remote_jax.errors import UserError as UserError
    from remote_jax.serve.model import Model as Model
    from remote_jax.serve.model import load as load
    from remote_jax.serve.runs import evaluate as evaluate
    from remote_jax.serve.runs import train as train

__version__ = "0.2.0"

_MODULES = {
    "Answer": "remote_jax.data.posts",
    "Model": "remote_jax.serve.model",
    "Post": "remote_jax.data.posts",
    "Query": "remote_jax.data.posts",
    "UserError": "remote_jax.errors",
    "evaluate": "remote_jax.serve.runs",
    "load": "remote_jax.serve.model",
    "train": "remote_jax.serve.runs",
}
"""Where public names are; each is imported when it is first asked for, since jax takes a while."""

__all__ = [
    "Answer",
    "Model",
    "Post",
    "Query",
    "UserError",
    "__version__",
    "evaluate",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
