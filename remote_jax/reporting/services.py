"""Weights & Biases and MLflow, through their own libraries."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from remote_jax.errors import UserError, reason

FINISH_SECONDS = 100.0
"""How long W&B may take at the end of a run for what is not sent yet; it stays on the disk."""

MOST_PARAMS = 100
"""Parameters that MLflow takes at a time."""

NOT_IN_NAMES = re.compile(r"[^\w.\- :/]")
"""What MLflow allows in no name of a metric, as the @ of hits@1."""


def title_of(workdir: Path) -> str:
    """What a person knows a run by: its folder, and the one that this is in, as of a sweep."""
    return "/".join(workdir.resolve().parts[-2:])


class Service(Protocol):
    """Keeps runs somewhere else; all but `check` is called from one thread."""

    name: ClassVar[str]
    """Of its library, of its key of the config and of its extra."""
    title: ClassVar[str]

    def __init__(self, place: str, workdir: Path, settings: Mapping[str, Any]) -> None: ...

    @staticmethod
    def check(place: str) -> None:
        """Raises a UserError where it can be seen beforehand that a run cannot be kept there."""

    def open(self, run: str | None) -> str:
        """Goes on with a run, by its id, or begins one where there is none; gives the id."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step; steps do not fall."""

    def attach(self, scores: Mapping[str, float], report: Path | None) -> None:
        """The scores of the end, and the folder of a report, with `report.html` and `figures/`."""

    def close(self, ended: bool) -> None:
        """Sends what is left; the run has ended, or else it was stopped or failed."""


class Wandb(Service):
    """Weights & Biases; what it keeps here is in `WORKDIR/wandb`."""

    name = "wandb"
    title = "Weights & Biases"

    def __init__(self, place: str, workdir: Path, settings: Mapping[str, Any]) -> None:
        self._place, self._workdir, self._settings = place, workdir, settings
        self._step = 0

    @staticmethod
    def check(place: str) -> None:
        """Asks the library alone, which asks nobody.

        Raises:
            UserError: the name is none of a project, a variable of the environment is wrong, or
                there is no account.
        """
        import wandb

        try:
            wandb.Settings(project=place)
            settings = wandb.setup().settings
            known = settings.mode != "online" or wandb.login(prompt=False, verify=False)
        except Exception as error:  # of the library's own kinds, and of those it builds on
            raise UserError(f"config.log.wandb is {place!r}: {reason(error)}.") from error
        if not known:
            raise UserError(
                f"config.log.wandb is {place!r}, but no account is known here: run `wandb login`, "
                "set WANDB_API_KEY, or keep the run here with WANDB_MODE=offline."
            )

    def open(self, run: str | None) -> str:
        import wandb

        self._run = wandb.init(
            project=self._place,
            dir=self._workdir,
            name=title_of(self._workdir),
            id=run,
            resume="allow",
            # What is printed is about this machine, and bars make it long.
            settings=wandb.Settings(console="off", finish_timeout=FINISH_SECONDS),
        )
        self._run.config.update(dict(self._settings), allow_val_change=True)
        return str(self._run.id)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._step = step
        self._run.log(dict(values), step=step)

    def attach(self, scores: Mapping[str, float], report: Path | None) -> None:
        import wandb

        self._run.summary.update(dict(scores))
        if report is None:
            return
        page = {"report": wandb.Html(report / "report.html", inject=False)}
        figures = sorted((report / "figures").glob("*.png"))
        images = {f"figures/{path.stem}": wandb.Image(str(path)) for path in figures}
        self._run.log({**page, **images}, step=self._step)
        artifact = wandb.Artifact(f"report-{self._run.id}", "report")
        artifact.add_dir(str(report))
        self._run.log_artifact(artifact)

    def close(self, ended: bool) -> None:
        self._run.finish(exit_code=0 if ended else 1)


class Mlflow(Service):
    """MLflow, at `MLFLOW_TRACKING_URI`, or else where the library keeps runs by itself."""

    name = "mlflow"
    title = "MLflow"

    def __init__(self, place: str, workdir: Path, settings: Mapping[str, Any]) -> None:
        self._place, self._workdir, self._settings = place, workdir, settings
        self._step = 0

    @staticmethod
    def check(place: str) -> None:
        """Nothing: only the service knows, and it may be away."""

    def open(self, run: str | None) -> str:
        from mlflow import MlflowClient

        self._client = MlflowClient()
        if run is None:
            found = self._client.get_experiment_by_name(self._place)
            where = found.experiment_id if found else self._client.create_experiment(self._place)
            made = self._client.create_run(where, run_name=title_of(self._workdir))
            self._run = made.info.run_id
            self._log_params()
        else:
            self._run = run
            self._client.update_run(run, status="RUNNING")
        # Parameters never change there; some keys of the config may.
        self._client.log_dict(self._run, dict(self._settings), "config.json")
        return self._run

    def _log_params(self) -> None:
        from mlflow.entities import Param

        params = [Param(key, str(value)) for key, value in self._settings.items()]
        for start in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(self._run, params=params[start : start + MOST_PARAMS])

    def write(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        self._step, now = step, int(time.time() * 1000)
        metrics = [
            Metric(NOT_IN_NAMES.sub("_", name), float(value), now, step)
            for name, value in values.items()
        ]
        self._client.log_batch(self._run, metrics)

    def attach(self, scores: Mapping[str, float], report: Path | None) -> None:
        self.write(self._step, scores)
        if report is not None:
            self._client.log_artifacts(self._run, os.fspath(report), "report")

    def close(self, ended: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if ended else "KILLED")


SERVICES: Mapping[str, type[Service]] = {"wandb": Wandb, "mlflow": Mlflow}
