"""Steps that read and update some rows of large tables alone (`train.sparse_tables`).

The loss is given the rows that it reads in place of the table, so that a gradient of the whole
table never exists, and the optimizer is given these rows of its moments. A step then costs the same
however many rows there are.

For a row this is the optimizer's own step: Adagrad without weight decay does to all other rows
what happens here, nothing. Adam would go on moving them by what is left of their moments; here
their moments wait until a batch reads them (lazy Adam, PyTorch's SparseAdam), as weight decay does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Int, Key, Shaped
from ml_collections import ConfigDict

from remote_jax.errors import UserError
from remote_jax.task import Batch, Task
from remote_jax.training.random_keys import CountedRngs

ROWS = "rows"
"""Key of a batch that says which rows the tables of a model have, ascending, where they have not
all."""

Tree = TypeVar("Tree")


@runtime_checkable
class ReadsRows(Protocol):
    """What a task has beside `Task` whose loss can do with some rows of tables."""

    @property
    def row_tables(self) -> tuple[str, ...]:
        """How the names of the tables begin; empty where a config reads all of them whole."""

    def touched(self, batch: Batch, rngs: nnx.Rngs, count: int) -> Int[Array, " r"]:
        """Rows of the tables that `loss` reads with the same rngs, some perhaps twice; traced.

        A batch with `ROWS` is for a model whose tables have these rows alone.

        Args:
            count: rows of the whole tables.
        """


@dataclass(frozen=True)
class Rows:
    """Rows of tables, each once.

    Attributes:
        tables: how the names of the tables begin.
        ids: ascending; where they are fewer, numbers past the last row fill them up.
    """

    tables: tuple[str, ...]
    ids: Int[Array, " r"]

    def of(self, tree: Tree) -> Tree:
        """Parameters, or moments by their names, with these rows alone of the tables."""

        def some(path: tuple[Any, ...], whole: Shaped[Array, "..."]) -> Shaped[Array, "..."]:
            return whole.at[self.ids].get(mode="clip") if self._are_of(path) else whole

        return jax.tree_util.tree_map_with_path(some, tree)

    def put(self, tree: Tree, part: Tree) -> Tree:
        """The same tree with these rows from a part as `of` gives it, and with all else of it."""

        def joined(
            path: tuple[Any, ...], whole: Shaped[Array, "..."], rows: Shaped[Array, "..."]
        ) -> Shaped[Array, "..."]:
            if not self._are_of(path):
                return rows
            place = whole.at[self.ids]
            return place.set(rows, mode="drop", indices_are_sorted=True, unique_indices=True)

        return jax.tree_util.tree_map_with_path(joined, tree, part)

    def within(self, batch: Batch) -> Batch:
        """The batch, with what its loss needs to find rows."""
        return {**batch, ROWS: self.ids}

    def _are_of(self, path: tuple[Any, ...]) -> bool:
        name = getattr(path[-1], "key", "")
        return isinstance(name, str) and name.startswith(self.tables)


def touched(task: Task, batch: Batch, key: Key[Array, ""], params: dict[str, Array]) -> Rows:
    """The rows that the loss of a batch reads with this key; of a task that passed `check`."""
    assert isinstance(task, ReadsRows)
    names = [name for name in params if name.startswith(task.row_tables)]
    count = len(params[names[0]])
    read = task.touched(batch, CountedRngs(key), count)
    ids = jnp.unique(read, size=read.size, fill_value=count)
    return Rows(task.row_tables, ids + jnp.where(ids == count, jnp.arange(ids.size), 0))


def check(task: Task, config: ConfigDict, names: Iterable[str]) -> None:
    """Sees that what `train` of a config asks for can be done by rows.

    Args:
        names: of the parameters.

    Raises:
        UserError: it cannot.
    """
    if not config.sparse_tables:
        return
    if not isinstance(task, ReadsRows) or not task.row_tables:
        raise UserError(
            "config.train.sparse_tables is true, and every step of this config reads its tables "
            "whole: it is for ROAM with model.negatives above 0; else set it to false."
        )
    if not any(name.startswith(task.row_tables) for name in names):
        raise UserError(
            "config.train.sparse_tables is true, and this model has no table of entities: set it "
            "to false, or features.structure or features.trainable to true."
        )
    for key, neutral, why in (
        ("average", 0.0, "averages of rows that no batch reads would stay behind"),
        ("accumulation", 1, "parts of a batch read rows of their own"),
    ):
        if config[key] != neutral:
            raise UserError(
                f"config.train.{key} is {config[key]} with train.sparse_tables=true, where {why}: "
                f"set config.train.{key}={neutral}, or train.sparse_tables=false."
            )
