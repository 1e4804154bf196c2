"""A tiny system for the tests of the loop: two layers that learn which of four a point is near.

Run as a program it is `python -m remote_jax.main` with the system `toy` added.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import grain
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from ml_collections import ConfigDict

from remote_jax.data.posts import Answer, checked
from remote_jax.errors import Refused
from remote_jax.reporting.results import Table
from remote_jax.task import BaseTask, Calibration, Interface, NamedAxis, Outputs

CLASSES, FEATURES = 4, 6
SIZES = {"train": 50, "validation": 21, "test": 19}


def get_config(**changes: Any) -> ConfigDict:
    """The toy's config, with changes by dotted key."""
    config = ConfigDict(
        {
            "system": "toy",
            "seed": 0,
            "compute_dtype": "float32",
            "data": {"dir": "", "cache": "", "workers": 0, "delay": 0.0},
            "model": {"hidden": 8, "dropout": 0.3},
            "train": {
                "epochs": 6.0,
                "batch_size": 8,
                "batch_tokens": 0,
                "accumulation": 1,
                "remat": False,
                "eval_batch_size": 8,
                "optimizer": "adam",
                "learning_rate": 0.05,
                "new_learning_rate": 0.0,
                "warmup": 0.1,
                "schedule": "linear",
                "weight_decay": 0.01,
                "rates": "",
                "sparse_tables": False,
                "clip": 1.0,
                "decay_every": 30.0,
                "patience": 0,
                "average": 0.0,
                "log_every": 5,
                "eval_every": 1.0,
                "save_every": 4,
                "frozen": "",
                "init": "",
                "init_partial": False,
                "max_skipped": 0,
            },
            "mesh": {"data": -1, "fsdp": 1, "tensor": 1},
            "log": {"wandb": "", "mlflow": ""},
            "profile": False,
        }
    )
    config.update_from_flattened_dict(changes)
    return config


class Model(nnx.Module):
    def __init__(self, hidden: int, dropout: float, rngs: nnx.Rngs) -> None:
        self.text = nnx.Linear(FEATURES, hidden, rngs=rngs)
        self.head = nnx.Linear(hidden, CLASSES, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(self, points: jax.Array, rngs: nnx.Rngs | None = None) -> jax.Array:
        hidden = nnx.relu(self.text(points))
        if rngs is not None:
            hidden = self.dropout(hidden, deterministic=False, rngs=rngs)
        return self.head(hidden)


@dataclass(frozen=True, kw_only=True)
class ToyAnswer(Answer):
    found: int

    def _found(self) -> dict[str, Any]:
        return {"class": self.found}


class ToyTask(BaseTask):
    metric = "accuracy"
    assets = ()

    def __init__(self, config: ConfigDict) -> None:
        self.config = config
        self.examples: dict[str, list[dict[str, np.ndarray]]] = {}

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        assert workdir.is_dir()
        random = np.random.default_rng(7)
        centres = random.normal(size=(CLASSES, FEATURES))
        for split, size in SIZES.items():
            labels = random.integers(CLASSES, size=size)
            points = centres[labels] + 0.8 * random.normal(size=(size, FEATURES))
            self.examples[split] = [
                {"x": x.astype(np.float32), "label": np.int32(y)}
                for x, y in zip(points, labels, strict=True)
            ]

    def splits(self) -> tuple[str, ...]:
        return tuple(self.examples)

    def dataset(self, split: str) -> grain.MapDataset:
        delay = self.config.data.delay if split == "train" else 0.0

        def late(example: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            time.sleep(delay)
            return example

        return grain.MapDataset.source(self.examples[split]).map(late)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        return [f"{split}.toy:{row + 1}" for row in rows]

    def fingerprint(self) -> dict[str, Any]:
        points = np.stack([example["x"] for example in self.examples["train"]])
        return {"name": "toy", "sha256": hashlib.sha256(points.tobytes()).hexdigest()}

    def title(self) -> str:
        return "points"

    def named_axes(self) -> Sequence[NamedAxis]:
        classes = self.config.model.get("classes", "abcd")
        return [NamedAxis("head/kernel", 1, classes), NamedAxis("head/bias", 0, classes)]

    def model(self, rngs: nnx.Rngs) -> nnx.Module:
        return Model(self.config.model.hidden, self.config.model.dropout, rngs)

    def shapes(self) -> nnx.Module:
        return nnx.eval_shape(lambda: self.model(nnx.Rngs(0)))

    def loss(self, model: Model, batch: Any, rngs: nnx.Rngs) -> tuple[jax.Array, dict[str, Any]]:
        logits = model(batch["x"], rngs)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"])
        right = jnp.mean(jnp.argmax(logits, -1) == batch["label"])
        return jnp.mean(losses), {"accuracy": right}

    def shared(self, model: Model) -> jax.Array:
        return jnp.asarray(len(jax.tree.leaves(nnx.state(model))))

    def predict(self, model: Model, batch: Any, shared: jax.Array) -> dict[str, jax.Array]:
        return {"probability": jax.nn.softmax(model(batch["x"])), "x": batch["x"]}

    def interface(self) -> Interface:
        points = jax.ShapeDtypeStruct((FEATURES,), jnp.float32)
        about = {"x": "a point", "probabilities": "of each class"}
        return Interface("A toy that tells points apart.", {"x": points}, about)

    def calibrate(self, outputs: Any) -> dict[str, float]:
        return {"temperature": 1 + float(len(outputs["probability"]))}

    def calibrated(self, outputs: Any, calibration: Calibration) -> Outputs:
        temperature = calibration.get("temperature", 1.0)
        if not outputs or temperature == 1:
            return outputs
        powers = outputs["probability"] ** (1 / temperature)
        return {**outputs, "probability": powers / powers.sum(-1, keepdims=True)}

    def answer(
        self, model: Model, batch: Any, shared: jax.Array, calibration: Calibration
    ) -> dict[str, jax.Array]:
        temperature = calibration.get("temperature", 1.0)
        return {"probabilities": jax.nn.softmax(model(batch["x"]) / temperature)}

    def write_assets(self, model: Model, folder: Path) -> None:
        (folder / "classes.txt").write_text("\n".join(map(str, range(CLASSES))))

    def labels(self, split: str) -> np.ndarray:
        return np.array([example["label"] for example in self.examples[split]])

    def metrics(self, split: str, outputs: Any) -> dict[str, float]:
        right = np.argmax(outputs["probability"], -1) == self.labels(split)
        return {"accuracy": float(np.mean(right))}

    def metrics_of_parts(self, split: str, outputs: Outputs) -> dict[str, dict[str, float]]:
        """None."""
        return {}

    def tables(self, split: str, outputs: Any) -> list[Table]:
        found = np.argmax(outputs["probability"], -1)
        rows = [(c, int(np.sum(found == c))) for c in range(CLASSES)]
        return [Table("Found in " + split, ("class", "points"), rows)]

    def rows(self, split: str, outputs: Any) -> Any:
        for row, probability in enumerate(outputs["probability"]):
            yield {"row": row, "class": int(np.argmax(probability))}

    def extras(self, split: str, outputs: Any) -> dict[str, Any]:
        return {"toy.json": {"split": split, "examples": len(outputs["probability"])}}

    def posts(self, posts: Any, media: Any) -> Any:
        found = list(checked(posts, point, ("id", "x")))
        examples = [{"x": x, "label": np.int32(-1)} for _, x in found if not isinstance(x, str)]

        def answers(outputs: Any) -> Iterator[ToyAnswer]:
            rows = iter(outputs.get("probability", ()))
            for id_, x in found:
                if isinstance(x, str):
                    yield ToyAnswer(id=id_, found=-1, error=x)
                else:
                    yield ToyAnswer(id=id_, found=int(np.argmax(next(rows))))

        return SimpleNamespace(
            dataset=grain.MapDataset.source(examples), buckets=None, answers=answers
        )


def point(post: Any) -> np.ndarray:
    if len(post.get("x", ())) != FEATURES:
        raise Refused(f"'x' must have {FEATURES} numbers")
    return np.array(post["x"], np.float32)


def make_task(config: ConfigDict) -> ToyTask:
    return ToyTask(config)


def flags_of(mode: str, posts: Path, exported: Path) -> list[str]:
    """What a mode of the command line needs beside `--workdir`."""
    needed = {
        "train": [f"--config={__file__}"],
        "predict": [f"--input={posts}", f"--output={posts}2"],
        "export": [f"--output={exported}"],
    }
    return needed.get(mode, [])


def install() -> None:
    """Lets `remote_jax.main` find this as the system `toy`."""
    package, module = ModuleType("remote_jax.toy"), ModuleType("remote_jax.toy.task")
    package.__path__ = []
    module.make_task = make_task
    sys.modules |= {"remote_jax.toy": package, "remote_jax.toy.task": module}


if __name__ == "__main__":
    from remote_jax.main import main

    install()
    sys.exit(main(sys.argv))
