"""Parameters to start from: those of a run or of an export (`train.init`).

What a model calls by numbers (relations, tags, entities) another one may number otherwise, so that
such entries are matched by their names (`Task.named_axes`), never by their place. What an export
holds is untrusted input, and read as `export_reader` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.errors import UserError
from remote_jax.runtime import sharding
from remote_jax.serve import export_reader
from remote_jax.task import NamedAxis, Task, make_task
from remote_jax.training import checkpoint
from remote_jax.training.evaluation import best_model
from remote_jax.training.loop import Initial
from remote_jax.training.optimizer import OF_DATA
from remote_jax.training.state import Params

Values = Shaped[np.ndarray, "..."]

SHOWN, LONGEST = 3, 200
"""Parameters, and names, that a message lists before it counts the rest; letters of each."""


@dataclass(frozen=True)
class Source:
    """A run or an export that another model starts from."""

    folder: Path
    config: ConfigDict
    task: Task

    def onto(self, task: Task, config: ConfigDict) -> Initial:
        """What puts its parameters in the place of the fresh ones of a task's model.

        Raises, when it is called:
            UserError: a parameter is not there, of another shape, or about other names, and
                `train.init_partial` is off; or none fits at all.
        """

        def initial(fresh: Params) -> tuple[Params, Mapping[str, Any]]:
            theirs = self._parameters(config)
            mine = {name: np.asarray(value) for name, value in fresh.items()}
            found = matched(mine, theirs, task.named_axes(), self.task.named_axes())
            self._check(found, partial=config.train.init_partial)
            told = found.facts()
            print(
                f"Starts from the parameters of {self.folder}: {told['taken']} of them"
                + (f"; fresh: {_few(found.fresh)}" if found.fresh else "")
                + (f"; not used: {_few(found.unused)}" if found.unused else "")
                + ".",
                flush=True,
            )
            params = {name: jnp.asarray(found.params[name]) for name in fresh}
            return params, {"folder": self.folder.name, **told}

        return initial

    def _parameters(self, config: ConfigDict) -> Mapping[str, Values]:
        """By name, on the host."""
        if export_reader.exists(self.folder):
            return export_reader.read_arrays(self.folder, self.config, self.task)[1]
        _, params, _ = best_model(self.task, self.folder, sharding.make_mesh(config.mesh))
        return sharding.fetch(params)

    def _check(self, found: Match, *, partial: bool) -> None:
        """Raises a UserError unless training may start from what was found."""
        if not found.taken:
            raise UserError(
                f"train.init={self.folder}: none of its parameters is one of this model's: name a "
                "run or an export of a model like it, or leave train.init empty."
            )
        if partial or not (found.fresh or found.unused):
            return
        differ = [f"fresh would be {_few(found.fresh)}"] if found.fresh else []
        differ += [f"not used would be {_few(found.unused)}"] if found.unused else []
        raise UserError(
            f"train.init={self.folder} is not the same model: {'; '.join(differ)}. Set "
            "--config.train.init_partial=true to start so, or give the model the sizes and the "
            f"names of that one, by {self.folder / 'config.json'}."
        )


def open_source(folder: Path, config: ConfigDict) -> Source:
    """The run or the export in a folder, for a model of a config to start from.

    Raises:
        UserError: it is neither a run with a checkpoint nor an export, is damaged, or is of
            another system.
    """
    folder = folder.resolve()  # no name of a folder is taken for one of the hub
    if not folder.is_dir():
        raise UserError(f"train.init: there is no folder {folder}; name a run or an export.")
    if export_reader.exists(folder):
        theirs, task = export_reader.open_task(folder)
    else:
        theirs = configs.read(folder)
        configs.check(theirs, configs.LOOP_KEYS)
        task = make_task(theirs)
        checkpoint.check_scored(folder)
        task.prepare(folder, anew=False)
    if theirs.system != config.system:
        raise UserError(
            f"train.init={folder} is of the system {theirs.system}, this config of "
            f"{config.system}: name a run or an export of {config.system}."
        )
    return Source(folder, theirs, task)


@dataclass
class Match:
    """Parameters of a model, as far as they could be taken from another one.

    Attributes:
        params: all of the model's.
        taken: names of those that were taken, whole or in part.
        fresh: what kept its fresh value, and why.
        unused: names of the other's parameters that have no place here.
    """

    params: dict[str, Values] = field(default_factory=dict)
    taken: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """For the run's results."""
        return {"taken": len(self.taken), "fresh": self.fresh, "unused": self.unused}


def matched(
    mine: Mapping[str, Values],
    theirs: Mapping[str, Values],
    my_names: Sequence[NamedAxis],
    their_names: Sequence[NamedAxis],
) -> Match:
    """Takes each parameter of the same name and shape; along a named axis, each entry by its name.

    Parameters that come with the data (`optimizer.OF_DATA`) are a model's own.
    """
    found = Match()
    for name, value in mine.items():
        found.params[name] = value
        if name.startswith(OF_DATA):
            continue
        if name not in theirs:
            found.fresh.append(f"{name} (absent there)")
            continue
        axes = _axis_of(name, my_names), _axis_of(name, their_names)
        taken, why = _taken(value, theirs[name], *axes)
        if taken is not None:
            found.params[name] = taken
            found.taken.append(name)
        if why:
            found.fresh.append(f"{name} ({why})")
    found.unused += [x for x in theirs if x not in mine and not x.startswith(OF_DATA)]
    return found


def _taken(
    mine: Values, theirs: Values, my_axis: NamedAxis | None, their_axis: NamedAxis | None
) -> tuple[Values | None, str]:
    """What a parameter becomes, None for what it is; and what of it stays fresh, if anything."""
    other_shape = f"{list(mine.shape)} here, {list(theirs.shape)} there"
    if my_axis is None or their_axis is None or list(my_axis.names) == list(their_axis.names):
        return (theirs, "") if mine.shape == theirs.shape else (None, other_shape)
    if my_axis.axis is None:
        return None, f"of {_few(my_axis.names)} here, of {_few(their_axis.names)} there"
    axis = my_axis.axis
    if mine.ndim != theirs.ndim or np.delete(mine.shape, axis).tolist() != (
        np.delete(theirs.shape, axis).tolist()
    ):
        return None, other_shape
    places = {name: place for place, name in enumerate(their_axis.names)}
    new = [name for name in my_axis.names if name not in places]
    here = [place for place, name in enumerate(my_axis.names) if name in places]
    if not here:
        return None, f"none of its {len(my_axis.names):,} names is there"
    there = [places[my_axis.names[place]] for place in here]
    out = np.moveaxis(mine.copy(), axis, 0)
    out[here] = np.moveaxis(theirs, axis, 0)[there]
    why = f"{len(new):,} of {len(my_axis.names):,} names: {_few(new)}" if new else ""
    return np.moveaxis(out, 0, axis), why


def _axis_of(name: str, axes: Sequence[NamedAxis]) -> NamedAxis | None:
    return next((axis for axis in axes if name.startswith(axis.parameters)), None)


def _few(names: Sequence[str]) -> str:
    """The first of a list, and how many more there are."""
    listed = ", ".join(name[:LONGEST] for name in names[:SHOWN])
    listed = "".join(letter if letter.isprintable() else "?" for letter in listed)
    return listed if len(names) <= SHOWN else f"{listed} and {len(names) - SHOWN:,} more"
