"""REMOTE as the training loop meets it: data, model, loss (Eq. 14), predictions, scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import grain
import jax
import optax
from flax import nnx
from jaxtyping import Array
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data.cache import with_data_folder
from remote_jax.data.files import read_names
from remote_jax.data.media import Folder, PostMedia
from remote_jax.data.posts import Values
from remote_jax.data.words import check_language
from remote_jax.encoders import build as encoders
from remote_jax.encoders import save
from remote_jax.encoders import tokenizer as tokenizers
from remote_jax.encoders.word_pieces import WordPieces
from remote_jax.remote import build, metrics
from remote_jax.remote.data.features import Featurize, PairDataset, dataset
from remote_jax.remote.data.pairs import TRIPLET_TYPES, Pair
from remote_jax.remote.data.posts import Posts
from remote_jax.remote.data.text import count_cut
from remote_jax.remote.interface import interface
from remote_jax.remote.model.remote import Remote
from remote_jax.remote.sample import folder as sample
from remote_jax.remote.settings import KEYS
from remote_jax.reporting.results import Table, write_atomically, write_json
from remote_jax.reporting.score import most_frequent_first, score_table
from remote_jax.task import Batch, Calibration, Interface, Outputs

MAX_RELATIONS = 2**24
"""Bytes of the file of their names."""


def make_task(config: ConfigDict) -> RemoteTask:
    """The task of a config.

    Raises:
        UserError: a value of REMOTE's part of the config is wrong.
    """
    configs.check(config, KEYS)
    check_language(config.data.language)
    build.experts(config.model.experts)
    encoders.check_sizes(config, encoders.PARTS, "configs/umre.py:sample")
    return RemoteTask(config)


class RemoteTask:
    """Implements `remote_jax.task.Task` for REMOTE."""

    metric = "f1"
    assets = ("relations.json", save.TOKENIZER)

    def __init__(self, config: ConfigDict):
        self.config = config

    def prepare(self, workdir: Path, *, anew: bool) -> None:
        """Keeps in the workdir what `predict` needs of the data and of pretrained checkpoints.

        Raises:
            UserError: the data or the tokenizer are missing or malformed.
        """
        self.workdir = workdir
        relations = workdir / "relations.json"
        if anew or not relations.exists():
            found = self.pairs.relations  # data first: an error in them is the nearer one
            save.save_for_run(self.config, workdir, self.pairs.texts("train"))
            write_atomically(relations, [json.dumps(found, indent=1) + "\n"])
        self.relations = read_names(relations, MAX_RELATIONS)
        self.tokenizer = tokenizers.read(workdir / save.TOKENIZER)
        if anew and self.cut["pairs"]:
            print(
                "Texts longer than data.max_tokens, cut round their entities: "
                f"{self.cut['pairs']:,} of {self.cut['looked_at']:,} training pairs looked at"
            )

    @cached_property
    def pairs(self) -> PairDataset:
        """The data set; read, and built where it is new, when first asked for."""
        return PairDataset(with_data_folder(self.config, sample.ensure))

    def splits(self) -> tuple[str, ...]:
        """The splits that the data folder has."""
        return self.pairs.splits

    def dataset(self, split: str) -> grain.MapDataset:
        """Features of every pair of a split (`features.Featurize`)."""
        featurize = Featurize(
            self.tokenizer, Folder(self.pairs.root, self.pairs.distances), self.config
        )
        return dataset(self.pairs.records(split), featurize)

    def places(self, split: str, rows: Sequence[int]) -> list[str]:
        """File and line."""
        records = self.pairs.records(split)
        pairs: list[Pair] = [records[row] for row in rows]
        return [f"{pair.file}:{pair.line}" for pair in pairs]

    def fingerprint(self) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the data; and what was counted of them."""
        found = self.pairs.fingerprint
        return {**found, "counts": {**found["counts"], "cut": self.cut}}

    @cached_property
    def cut(self) -> dict[str, int]:
        """How many of the training pairs looked at have a text that is cut."""
        if "train" not in self.pairs.splits:
            return {"pairs": 0, "looked_at": 0}
        features = self.config.features
        pairs, looked_at = count_cut(
            self.pairs.records("train"),
            WordPieces(self.tokenizer),
            self.config.data.max_tokens,
            sentence=features.sentence,
            caption=features.caption,
        )
        return {"pairs": pairs, "looked_at": looked_at}

    def model(self, rngs: nnx.Rngs) -> Remote:
        """The model of the config, its encoders from their checkpoints if it names any."""
        return build.remote(
            self.config,
            relations=len(self.relations),
            vocabulary=len(self.tokenizer),
            rngs=rngs,
        )

    def shapes(self) -> Remote:
        """The model of the config without values; it opens no checkpoint."""
        return build.shapes(
            self.config,
            self.workdir / save.ENCODERS,
            relations=len(self.relations),
            vocabulary=len(self.tokenizer),
        )

    def loss(
        self, model: nnx.Module, batch: Batch, rngs: nnx.Rngs
    ) -> tuple[Array, dict[str, Array]]:
        """Mean cross-entropy of the gold relations (Eq. 14), and the accuracy of the batch."""
        assert isinstance(model, Remote)
        logits = model(batch, rngs=rngs)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()
        return loss, {"accuracy": (logits.argmax(-1) == batch["label"]).mean()}

    def shared(self, model: nnx.Module) -> None:
        """Nothing: each pair is read by itself."""

    def predict(self, model: nnx.Module, batch: Batch, shared: None) -> dict[str, Array]:
        """The likeliest relation of each pair, as an index, and its probability."""
        probabilities = self.answer(model, batch, shared, {})["probabilities"]
        return {"label": probabilities.argmax(-1), "probability": probabilities.max(-1)}

    def calibrate(self, outputs: Outputs) -> dict[str, float]:
        """Nothing."""
        return {}

    def calibrated(self, outputs: Outputs, calibration: Calibration) -> Outputs:
        """The outputs as they are."""
        return outputs

    def interface(self) -> Interface:
        """A pair as the model reads it."""
        return interface(Featurize(self.tokenizer, Folder(Path()), self.config))

    def answer(
        self, model: nnx.Module, batch: Batch, shared: None, calibration: Calibration
    ) -> dict[str, Array]:
        """The probability of every relation."""
        assert isinstance(model, Remote)
        return {"probabilities": jax.nn.softmax(model(batch))}

    def write_assets(self, model: nnx.Module, folder: Path) -> None:
        """Names of relations, the tokenizer and both encoders."""
        assert isinstance(model, Remote)
        write_json(folder / "relations.json", self.relations)
        save.save_for_export(self.workdir, folder, model.text.bert, model.vision)

    def metrics(self, split: str, outputs: Outputs) -> dict[str, float]:
        """Accuracy over all pairs; micro scores over relations other than none (§6.3)."""
        return metrics.summary(self.pairs.labels(split), outputs["label"], self.pairs.types(split))

    def tables(self, split: str, outputs: Outputs) -> list[Table]:
        """Scores by relation, most frequent first, and by triplet type."""
        gold, types = self.pairs.labels(split), self.pairs.types(split)
        predicted = outputs["label"]
        by_relation = [
            (name, metrics.micro(gold, predicted, relation=index))
            for index, name in enumerate(self.relations)
            if index > 0 and ((gold == index) | (predicted == index)).any()
        ]
        by_type = [
            (name, metrics.micro(gold[types == index], predicted[types == index]))
            for index, name in enumerate(TRIPLET_TYPES)
            if (types == index).any()
        ]
        return [
            score_table(
                f"{split}: by relation",
                most_frequent_first(by_relation),
                name="relation",
                support="pairs",
            ),
            score_table(f"{split}: by triplet type", by_type, name="type", support="pairs"),
        ]

    def rows(self, split: str, outputs: Outputs) -> Iterator[dict[str, Any]]:
        """A line a pair: where it is written, head and tail, gold and predicted relation."""
        records = self.pairs.records(split)
        for index in range(len(records)):
            pair: Pair = records[index]
            yield {
                "file": pair.file,
                "line": pair.line,
                "image": pair.image,
                "type": TRIPLET_TYPES[pair.type],
                "head": pair.head.name,
                "tail": pair.tail.name,
                "relation": self.relations[pair.label],
                "predicted": self.relations[int(outputs["label"][index])],
                "probability": round(float(outputs["probability"][index]), 6),
            }

    def extras(self, split: str, outputs: Outputs) -> dict[str, Any]:
        """None."""
        return {}

    def posts(self, posts: Iterable[Values], media: PostMedia) -> Posts:
        """Reads user-supplied posts."""
        return Posts(posts, media, self.tokenizer, self.relations, self.config)
