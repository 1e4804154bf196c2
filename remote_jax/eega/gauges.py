"""What the mechanisms of EEGA do over a whole split, and a sentence on those that do nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from remote_jax.task import GAUGE, Gauges, Outputs

CHANNELS, ALIGNMENT = "channels/", "alignment/"

LEAST_WEIGHT = 0.01
"""Of a channel, 1 being all channels together: below, it says nothing."""
LEAST_MOVED = 0.01
"""Of the length of words, by all channels together: below, S is O."""
LEAST_SHARE = 0.001
"""Of the gradient that alignment gives: below, it moves nothing."""
MOST_ENTROPY = 0.99
"""Of a plan, 1 being the one that moves everything everywhere: above, nothing is matched."""


def of_split(outputs: Outputs) -> dict[str, float]:
    """Gauges of the channels, from `model.gauges.of_channels` of a whole split.

    `channels/NAME/words` is the channel's weight among all: its root mean square over that of all
    channels together, summed. `channels/NAME/pairs` is the same of the features of pairs.
    `channels/moved` is the root mean square of S - O over that of O.
    """
    squares = {
        name.removeprefix(GAUGE + CHANNELS): float(np.mean(values))
        for name, values in outputs.items()
        if name.startswith(GAUGE + CHANNELS)
    }
    if not squares:
        return {}
    found = {}
    for kind in ("words", "pairs"):
        sizes = {
            name.partition("/")[2]: math.sqrt(value)
            for name, value in squares.items()
            if name.startswith(f"{kind}/")
        }
        total = sum(sizes.values())
        for name, size in sizes.items():
            found[f"{CHANNELS}{name}/{kind}"] = size / total if total else 0.0
    words = squares["words"]
    found[f"{CHANNELS}moved"] = math.sqrt(squares["moved"] / words) if words else 0.0
    return found


def collapsed(gauges: Gauges) -> list[str]:
    """A sentence on each mechanism that does nothing, by `of_split` and the scalars of a loss."""
    return [*_alignment(gauges), *_channels(gauges)]


def _alignment(gauges: Gauges) -> Iterable[str]:
    share = gauges.get(f"{ALIGNMENT}gradient_share", 1.0)
    if share < LEAST_SHARE:
        yield (
            f"The alignment of graphs teaches nothing: {share:.4f} of the gradient comes from it "
            f"({gauges.get(f'{ALIGNMENT}aligned', 0.0):.0%} of the posts are aligned)."
        )
        return
    for name, what in (("node", "words with objects"), ("edge", "edges of both graphs")):
        entropy = gauges.get(f"{ALIGNMENT}{name}_entropy", 0.0)
        if entropy > MOST_ENTROPY:
            yield (
                f"The plan that aligns {what} matches nothing: its entropy is {entropy:.4f} of "
                "that of moving everything everywhere."
            )


def _channels(gauges: Gauges) -> Iterable[str]:
    names = {
        name.split("/")[1]: None
        for name in gauges
        if name.startswith(CHANNELS) and name.count("/") == 2
    }
    for name in names:
        weights = [gauges.get(f"{CHANNELS}{name}/{kind}", 0.0) for kind in ("words", "pairs")]
        if max(weights) < LEAST_WEIGHT:
            yield (
                f"The channel {name} says nothing: its weight among the channels is "
                f"{max(weights):.4f}."
            )
    moved = gauges.get(f"{CHANNELS}moved", 1.0)
    if moved < LEAST_MOVED:
        yield (
            f"The channels leave words as they are: S - O has {moved:.4f} of the length of O (Eq. "
            "10). What they still do, they do to the features of pairs."
        )
