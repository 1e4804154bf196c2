"""What a model will not read of its training examples, for the screen and for `results.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from remote_jax.remote.data.dataset import PairDataset
from remote_jax.remote.data.features import Featurizes, looked_at
from remote_jax.remote.data.together.form import Form


def unread(pairs: PairDataset, form: Form, featurize: Featurizes) -> dict[str, int]:
    """Of the listed training pairs, examples whose text is cut (`pairs`, or posts where these are).

    And captions of entities that are not read (`captions`), if there are any.
    """
    found = {"pairs": 0, "looked_at": 0}
    if "train" not in pairs.splits:
        return found
    examples = form.examples(pairs.records("train"), pairs.training)
    captions = 0
    for row in looked_at(len(examples)):
        example = examples[row]
        found["looked_at"] += 1
        found["pairs"] += featurize.lost(example) > 0
        captions += featurize.untold(example)
    return {**found, "captions": captions} if captions else found


def lines(found: Mapping[str, int]) -> Iterator[str]:
    """A sentence on each kind of `unread`."""
    total = f"{found['looked_at']:,} training examples looked at"
    if found["pairs"]:
        yield (
            "Texts longer than data.max_tokens, cut round their entities: "
            f"{found['pairs']:,} of {total}"
        )
    if "captions" in found:
        yield (
            f"Captions of entities, which model.pairs=shared does not read: {found['captions']:,} "
            f"in {total}"
        )
