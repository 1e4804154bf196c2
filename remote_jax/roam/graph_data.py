"""The graph and the features that a config names, as a run uses them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from ml_collections import ConfigDict

from remote_jax.data import release
from remote_jax.data.cache import cache_folder, with_data_folder
from remote_jax.roam.data import builders, cleaning, modalities, readings, saved_graph, triples
from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.transforms import pca
from remote_jax.roam.ranking import KnownAnswers
from remote_jax.roam.sample import folder as sample


class GraphData:
    """Reads what is asked for, when it is first asked for; raises a `UserError` of wrong files."""

    def __init__(self, config: ConfigDict):
        self._config = config
        data = config.data
        self._name = data.name if data.dir else "sample"
        self._options = triples.Options(data.columns, data.holdout, data.holdout_seed)

    def keep(self, folder: Path) -> None:
        """Says what there is to know of the data, and keeps what `predict` needs of them.

        Raises:
            UserError: the folder cannot be written.
        """
        print(builders.describe(self.published, self._name), flush=True)
        print(modalities.describe(self.modalities, structure=self._config.features.structure))
        for line in self.notices:
            print(line, flush=True)
        reading = readings.reading(self.published, self.modalities, self._passed_over)
        saved_graph.write(self.graph, self.modalities, folder, reading)

    @property
    def notices(self) -> list[str]:
        """What is unusual in how the graph was read, cleaned, and is."""
        said = readings.lines(self.published, self._passed_over, self._options)
        said += cleaning.lines(self._cleaned, self._options.seed)
        return [*said, *cleaning.kept_lines(self.published)]

    @cached_property
    def _passed_over(self) -> Mapping[str, str]:
        return modalities.passed_over(self._config, self._folder)

    @cached_property
    def _folder(self) -> Path:
        """The data folder; the sample's where none is named."""
        return Path(with_data_folder(self._config, sample.ensure).data.dir).expanduser()

    @cached_property
    def _cache(self) -> Path:
        return cache_folder(self._config.data.cache)

    @cached_property
    def published(self) -> triples.Graph:
        """The graph of the files; its records are built where it is new."""
        return builders.load(
            self._folder, name=self._name, cache=self._cache, options=self._options
        )

    @property
    def graph(self) -> triples.Graph:
        """The graph that is trained on and ranked, cleaned unless data.clean is false."""
        return self._cleaned.graph

    @cached_property
    def _cleaned(self) -> cleaning.Cleaned:
        if not self._config.data.clean:
            return cleaning.Cleaned(self.published)
        return cleaning.clean(self.published, self._options.seed)

    @cached_property
    def known(self) -> KnownAnswers:
        """All that is true, to leave out of rankings."""
        return KnownAnswers.from_splits(self.graph.splits.values(), len(self.graph.relations))

    def leaked(self, split: str) -> Bool[np.ndarray, " n"]:
        """Which triples of a split stand in training."""
        return cleaning.stand_in(self.graph.splits[split], self.graph.splits["train"])

    @cached_property
    def modalities(self) -> Mapping[str, Modality]:
        """Features by modality, of model.features_dim numbers at most."""
        files = self.from_files
        found = modalities.load(self._config, self.published, self._folder, self._cache, files)
        return pca.reduced(found, self._config.model.features_dim)

    @cached_property
    def from_files(self) -> Mapping[str, Modality]:
        """Those that are in files; the others are made by an encoder."""
        return modalities.from_files(self._config, self.published, self._folder)

    def fingerprint(self, facts: saved_graph.Facts) -> dict[str, Any]:
        """Name, sizes and SHA-256 of the graph and of each modality's features; how it was read.

        The checkpoint has the features, so that they may be gone, and what made them; those whose
        files are here must be the same. Sizes are those of the files; `cleaned` says what is left.

        Args:
            facts: that `keep` kept.
        """
        found = {name: modality.sha256 for name, modality in self.from_files.items()}
        told: dict[str, Any] = {
            "name": self._name,
            "sha256": self.published.sha256,
            "features": {**facts.features, **found},
            **self.published.facts,
        }
        if self._config.data.clean:
            told["cleaned"] = dict(self._cleaned.facts)
        if loops := cleaning.count_loops(self.published):
            told["counts"] = {"loops": loops}
        if facts.reading:
            told["reading"] = dict(facts.reading)
        return told

    def title(self) -> str:
        """A benchmark by the sizes of its graph, a name of one's own, a sample, or a folder."""
        data = self._config.data
        own = data.name not in builders.BUILDERS
        if data.dir and (own or builders.is_published(self.published, data.name)):
            return data.name
        return release.title(data, {})
