"""What a config switches on, and so what data the model needs."""

from __future__ import annotations

from dataclasses import dataclass

from ml_collections import ConfigDict

from remote_jax.errors import UserError

CHANNELS = ("pos", "distance", "pmi", "dependency", "position", "shape")
"""The paper's three (Eq. 9), the labels of the text graph, how far after w_i w_j stands, and how a
word is written."""
PARSED = frozenset({"pos", "distance", "dependency"})
"""Those that a parse gives."""


@dataclass(frozen=True)
class Inputs:
    """What the model reads beside the words.

    Attributes:
        picture: the objects of the picture and how they are related.
        parse: the textual graph.
        cooccurrence: PMI of words.
        shape: how words are written.
    """

    picture: bool
    parse: bool
    cooccurrence: bool
    shape: bool

    @classmethod
    def of(cls, config: ConfigDict) -> Inputs:
        """What a config's switches ask for."""
        model, picture = config.model, config.features.picture
        names = channels(model.channels)
        aligned = picture and model.alignment.weight > 0
        return cls(
            picture=picture,
            parse=model.graph == "attribute" or aligned or bool(PARSED & set(names)),
            cooccurrence="pmi" in names,
            shape="shape" in names,
        )


def channels(names: str) -> tuple[str, ...]:
    """The channels named in a comma-separated list; none is Table 2's "w/o multi-channel".

    Raises:
        UserError: a name is none of `CHANNELS`, or there twice.
    """
    chosen = tuple(name.strip() for name in names.split(",") if name.strip())
    if not set(chosen) <= set(CHANNELS) or len(set(chosen)) < len(chosen):
        raise UserError(
            f"config.model.channels is {names!r}, expected some of {','.join(CHANNELS)}, or ''."
        )
    return chosen
