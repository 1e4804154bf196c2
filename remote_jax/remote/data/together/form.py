"""What an example is: a pair (`model.pairs=each`), or pairs of a post (`model.pairs=shared`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Bool, Int
from ml_collections import ConfigDict

from remote_jax import config as configs
from remote_jax.data.media import Pictures
from remote_jax.remote.data.dataset import PairRecords
from remote_jax.remote.data.features import Examples, Featurize, Featurizes
from remote_jax.remote.data.further import Pairs
from remote_jax.remote.data.pairs import Pair
from remote_jax.remote.data.together.features import FeaturizeTogether
from remote_jax.remote.data.together.groups import PairGroups, groups
from remote_jax.task import Batch, Outputs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


PLACES = frozenset(("row", "pair_mask"))
"""Features that say which pairs the outputs of a post are of."""


class Form:
    """How pairs become examples, as a config says."""

    def __init__(self, config: ConfigDict, *, together: int = 0):
        """As a config says.

        Args:
            together: pairs of a post that one example may have whatever `data.max_pairs` says, in
                `examples_of_posts`.
        """
        self._max_pairs = config.data.max_pairs
        if together > self._max_pairs:
            config = configs.override(config, {"data.max_pairs": together})
        self._config = config
        self.shared = config.model.pairs == "shared"

    def featurize(self, tokenizer: PreTrainedTokenizerFast, pictures: Pictures) -> Featurizes:
        """Turns an example into features.

        Raises:
            UserError: the tokenizer lacks a marker, or there is no room for the markers.
        """
        made = FeaturizeTogether if self.shared else Featurize
        return made(tokenizer, pictures, self._config)

    def examples(self, records: PairRecords, pairs: Pairs) -> Examples[Any]:
        """The examples of a split.

        Args:
            records: its pairs, all of them or those that are listed.
            pairs: what is known of them.
        """
        if not self.shared:
            return records
        count = len(records)
        return PairGroups(records, self._groups(pairs.posts[:count], pairs.objects[:count]))

    def groups(self, pairs: Pairs) -> Int[np.ndarray, " pairs"] | None:
        """The number of each one's post, where training reads pairs of a post together."""
        return pairs.posts if self._config.data.group == "post" else None

    def located(self, examples: Examples[Any], rows: Sequence[int]) -> list[tuple[int, int]]:
        """The example that each of some pairs of a split is in, and its place there."""
        return (
            examples.located(rows) if isinstance(examples, PairGroups) else [(x, 0) for x in rows]
        )

    def place(self, example: Any) -> str:
        """File and line of an example, or of its first pair."""
        pair: Pair = example[0] if self.shared else example
        return f"{pair.file}:{pair.line}"

    def outputs(self, found: dict[str, Array], batch: Batch) -> dict[str, Array]:
        """Arrays with a row a pair as a task predicts them: with the axis of the batch, traced."""
        if not self.shared:
            return found
        return {**self._unflattened(found, batch), **{name: batch[name] for name in PLACES}}

    def answers(self, probabilities: Array, batch: Batch) -> dict[str, Array]:
        """What an export answers, traced."""
        found = {"probabilities": probabilities}
        return self._unflattened(found, batch) if self.shared else found

    @staticmethod
    def _unflattened(found: dict[str, Array], batch: Batch) -> dict[str, Array]:
        pairs = batch["object"].shape[:2]
        return {name: x.reshape(*pairs, *x.shape[1:]) for name, x in found.items()}

    def pairs_each(self, pairs: Pairs) -> float:
        """How many pairs of a split an example has, on average."""
        return len(pairs.posts) / len(self._groups(pairs.posts, pairs.objects))

    def examples_of_posts(
        self, posts: Sequence[Sequence[Pair]], *, cut: Sequence[bool] | None = None
    ) -> list[Any]:
        """The examples of posts, whose pairs are numbered throughout.

        Args:
            cut: posts whose text or objects have no room. They never have more than
                `data.max_pairs` together: what is seen of them would be others, and the answers.
        """
        pairs = [pair for post in posts for pair in post]
        if not self.shared or not pairs:
            return pairs
        numbers = np.repeat(np.arange(len(posts)), [len(post) for post in posts])
        objects = np.array([[pair.head.object, pair.tail.object] for pair in pairs])
        most = self._config.data.max_pairs
        whole = ~np.array(cut if cut is not None else [True] * len(posts), bool)
        found = PairGroups(pairs, self._groups(numbers, objects, (most, whole)))
        return [found[row] for row in range(len(found))]

    def _groups(
        self,
        posts: np.ndarray,
        objects: np.ndarray,
        wide: tuple[int, Bool[np.ndarray, " posts"]] | None = None,
    ) -> list[list[int]]:
        return groups(posts, objects, self._max_pairs, self._config.data.max_objects, wide)


def by_pair(outputs: Outputs) -> Outputs:
    """Outputs of posts with a row a pair, in the order of the split; those of pairs as they are."""
    if not outputs.keys() >= PLACES:
        return outputs
    # Outputs of batches that are cut are filled up with zeros, and 0 is a row; the mask tells.
    rows, there = (outputs[name].reshape(-1) for name in ("row", "pair_mask"))
    present = np.flatnonzero(there)
    places = present[np.argsort(rows[present], kind="stable")]
    return {
        name: values.reshape(-1, *values.shape[2:])[places]
        for name, values in outputs.items()
        if name not in PLACES
    }
