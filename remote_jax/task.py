"""The protocol between the training loop and a system."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from jaxtyping import Array, Int, Shaped

from remote_jax.errors import UserError, nearest
from remote_jax.reporting.results import Table

if TYPE_CHECKING:
    import grain
    import jax
    import numpy as np
    from flax import nnx
    from ml_collections import ConfigDict

    from remote_jax.data.batches.buckets import Buckets
    from remote_jax.data.batches.in_thread import Mapped
    from remote_jax.data.media import PostMedia
    from remote_jax.data.posts import Answer, Values

Batch = Mapping[str, Shaped[Array, "batch ..."]]
"""Arrays by name, each with the leading axis of the batch."""

Outputs = Mapping[str, "np.ndarray"]
"""What `Task.predict` gave for a whole split, in the order of the data set."""

Calibration = Mapping[str, float]
"""What turns scores into probabilities and decisions, chosen on validation, by name.

It is kept with the best checkpoint; empty for a system without one, and for runs of before.
"""

Gauges = Mapping[str, float]
"""What the mechanisms of a model do, by flat names as `router/information`; all finite."""

GAUGE = "gauge/"
"""How the names of outputs and of scalars begin that exist for gauges alone."""


@dataclass(frozen=True)
class Interface:
    """What a model reads and answers, for those who run it without its system (`serve`).

    Attributes:
        description: a sentence or two on what the model does.
        inputs: shape and type of each array of an example, as `Task.answer` reads it.
        fields: a line on each input and each answer, by name; Markdown without bars.
        notes: what else there is to know.
        post: one that a model of this kind answers, for those who have its system.
        ranges: lowest and highest along the last axis of inputs, where a wrong one goes unseen.
    """

    description: str
    inputs: Mapping[str, jax.ShapeDtypeStruct]
    fields: Mapping[str, str]
    notes: str = ""
    post: Mapping[str, Any] = field(default_factory=dict)
    ranges: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedAxis:
    """What the entries of parameters stand for, so that another model's can be put in their place.

    Attributes:
        parameters: how the names of the parameters begin.
        axis: whose entries are named; None where the parameters as a whole are about all names.
        names: of the entries, in their order.
    """

    parameters: str
    axis: int | None
    names: Sequence[str]


class Posts(Protocol):
    """User-supplied posts: the model's inputs, and how its outputs become answers."""

    @property
    def dataset(self) -> Mapped[Mapping[str, Any]]:
        """Features of all that could be read; may be empty."""

    @property
    def buckets(self) -> Buckets | None:
        """What batches of `dataset` are cut to, as `Task.buckets`."""

    def answers(self, outputs: Outputs) -> Iterator[Answer]:
        """An answer to each post; that of one that could not be read says why.

        `outputs` are of every example of `dataset`; empty when `dataset` is.
        """


class Task(Protocol):
    """One system and its data, as the training loop meets them; `make_task` makes it."""

    metric: str
    """Key of `metrics` whose highest value on validation selects the checkpoint."""

    assets: Sequence[str]
    """Files and folders that `prepare` keeps in the workdir, and an export has too."""

    @property
    def mechanisms(self) -> Mapping[str, str]:
        """What `--without` can take away, by name: what stands in its place."""

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Reads or builds the data, before anything else is asked.

        Args:
            workdir: exists; small assets (a tokenizer) may be kept there.
            anew: the run has not begun, so assets found there are made again.

        Raises:
            UserError: the data are missing or malformed.
        """

    def splits(self) -> tuple[str, ...]:
        """The splits that the data have; test may be missing."""

    def dataset(self, split: str) -> grain.MapDataset:
        """One feature dict an example, unbatched; `split` is train, validation or test."""

    def buckets(self, split: str) -> Buckets | None:
        """What batches of `dataset` are cut to; None: features keep their lengths."""

    def groups(self, split: str) -> Int[np.ndarray, " examples"] | None:
        """The number of each example's group, which training reads together; None: no groups."""

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """Where examples of `dataset` come from, for a person to find them."""

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the data, as JSON values."""

    def title(self) -> str:
        """What the data are, for a person: a benchmark, a generated sample, or a folder."""

    def named_axes(self) -> Sequence[NamedAxis]:
        """Of all parameters whose entries stand for names; no data are needed for it."""

    def model(self, rngs: nnx.Rngs) -> nnx.Module:
        """A fresh model whose whole state is `nnx.Param`; dropout gets its rngs when called."""

    def shapes(self) -> nnx.Module:
        """What `model` makes, with shapes for values; for parameters that a checkpoint holds."""

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """Mean loss of a batch in training mode, and scalars to log beside it; traced.

        Those whose names begin with `GAUGE` join the gauges of the next validation.
        """

    def shared(self, model: nnx.Module) -> Any:
        """What `predict` needs of the model whatever the batch, as arrays; traced.

        Made once for a whole evaluation.
        """

    def predict(self, model: nnx.Module, batch: Batch, shared: Any) -> dict[str, Array]:
        """Deterministic outputs, each with the leading axis of the batch; traced.

        Those whose names begin with `GAUGE` are for `gauges`; they are left out of answers.
        """

    def interface(self) -> Interface:
        """What `answer` reads and gives; no data are needed for it."""

    def calibrate(self, outputs: Outputs) -> dict[str, float]:
        """The calibration that fits `predict` of the validation split."""

    def calibrated(self, outputs: Outputs, calibration: Calibration) -> Outputs:
        """`predict` of a data set with what the calibration makes of it; no traced code."""

    def answer(
        self, model: nnx.Module, batch: Batch, shared: Any, calibration: Calibration
    ) -> dict[str, Array]:
        """What an export answers: `predict` before anything is picked from it; traced.

        The size of the batch may be a symbol and no number (`jax.export.symbolic_shape`).
        """

    def write_assets(self, model: nnx.Module, folder: Path) -> None:
        """Writes what parameters do not say: vocabularies, and encoders for other libraries.

        Args:
            model: with its values.
        """

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Scores of a whole split, by name; outputs here and below are `calibrated` ones."""

    def metrics_of_parts(self, split: str, outputs: Outputs) -> dict[str, dict[str, float]]:
        """Scores of parts of a split that are to be read beside `metrics`, by what they are of."""

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """What a person reads about a whole split."""

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """Lines of `predictions.jsonl`, in the order of the data set."""

    def extras(self, split: str, outputs: Outputs) -> dict[str, Any]:
        """JSON values to write beside `results.json`, by the name of their file."""

    def without(self, names: Sequence[str]) -> Task:
        """The same task with mechanisms replaced by their neutral elements.

        Its models (`model`, `shapes`) have the same parameters by name and shape, so that a
        checkpoint of the whole model fits. It has the data of this one, which is prepared.

        Raises:
            UserError: a name is none of `mechanisms` (`check_mechanisms`).
        """

    def gauges(self, split: str, outputs: Outputs) -> dict[str, float]:
        """What each mechanism does on a whole split; from outputs as `predict` gave them."""

    def collapsed(self, gauges: Gauges) -> list[str]:
        """A sentence on each mechanism that does nothing, its deviation, information or share 0.

        Args:
            gauges: of a validation, with those that `loss` gave. Some may be missing.
        """

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Posts:
        """Reads posts; a bad one is no error, its answer says what is wrong.

        Args:
            posts: keys and values of each.
            media: finds the pictures that they name.

        Raises:
            UserError: what the system needs to read posts is not here.
        """


class BaseTask:
    """What tasks share of `Task`: how mechanisms are taken away; without any, and without parts."""

    taken: tuple[str, ...] = ()
    """Names of the mechanisms that models of this task do without."""

    def buckets(self, split: str) -> Buckets | None:
        """None."""
        return None

    def groups(self, split: str) -> Int[np.ndarray, " examples"] | None:
        """None."""
        return None

    @property
    def mechanisms(self) -> Mapping[str, str]:
        """None."""
        return {}

    def without(self, names: Sequence[str]) -> Self:
        """A copy that has the data of this task, and `taken`."""
        check_mechanisms(names, self.mechanisms)
        rest = copy.copy(self)
        rest.taken = tuple(names)
        return rest

    def gauges(self, split: str, outputs: Outputs) -> dict[str, float]:
        """None."""
        return {}

    def collapsed(self, gauges: Gauges) -> list[str]:
        """None."""
        return []

    def metrics_of_parts(self, split: str, outputs: Outputs) -> dict[str, dict[str, float]]:
        """None."""
        return {}

    def extras(self, split: str, outputs: Outputs) -> dict[str, Any]:
        """None."""
        return {}


def check_mechanisms(names: Sequence[str], known: Mapping[str, str]) -> None:
    """Raises a UserError unless all names are those of mechanisms (`Task.mechanisms`)."""
    if names and not known:
        raise UserError("--without has nothing to take away from the model of this config.")
    for name in names:
        if name not in known:
            there = "; ".join(f"{one} ({instead})" for one, instead in known.items())
            raise UserError(
                f"There is no mechanism {name!r}{nearest(name, known)}; --without takes, with what "
                f"then stands in its place: {there}."
            )


def make_task(config: ConfigDict) -> Task:
    """The task of `config.system`.

    Raises:
        UserError: there is no such system, or its part of the config is wrong.
    """
    unknown = f"Unknown system {config.system!r}; there are remote, eega and roam."
    if not config.system.isidentifier():
        raise UserError(unknown)
    name = f"remote_jax.{config.system}.task"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise UserError(unknown) from error
    return module.make_task(config)
