"""A trained model with a mechanism replaced by its neutral element, to see what it is worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ml_collections import ConfigDict

from remote_jax.roam.model.roam import Roam

NEUTRAL = {
    "router": "the same share of every group for every query",
    "experts": "the linear maps beside them",
    "fusion": "the same weight of every modality that an entity has",
    "features": "entities told by structure alone",
}
"""What takes the place of each mechanism, by its name."""


def mechanisms(config: ConfigDict) -> Mapping[str, str]:
    """`NEUTRAL` of those that a model of this config has."""
    features = bool(config.features.image or config.features.text)
    there = {
        "router": config.model.groups > 1,
        "experts": config.model.hidden > 0,
        "fusion": features,
        "features": features and config.features.structure,
    }
    return {name: instead for name, instead in NEUTRAL.items() if there[name]}


def take_away(model: Roam, names: Collection[str]) -> None:
    """Replaces mechanisms of a model; its parameters stay as they are."""
    for router in (model.query_router, model.candidate_router):
        router.equal = "router" in names
    for expert in model.experts:
        expert.silent = "experts" in names
    model.attention.equal = "fusion" in names
    model.featureless = "features" in names
