"""What transport and routing do in a whole split, and whether they do anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from jaxtyping import Int

from remote_jax.remote.data.pairs import TRIPLET_TYPES
from remote_jax.reporting.information import information
from remote_jax.task import GAUGE, Gauges, Outputs

STREAMS = {"text": ("T", "T2V", "the picture"), "vision": ("V", "V2T", "the text")}
"""Of each stream: the experts of its own modality and of the other one, and what that is."""

MOVED = 0.01
"""Share of the features below which transport does nothing."""

HEARD = 0.01
"""Weight of the other modality below which a router does not hear it."""

ALIKE = 0.999
"""Entropy of a router, by its largest value, above which it weighs all experts alike."""


def router_weights(outputs: Outputs) -> dict[str, np.ndarray]:
    """Of pairs whose routers had a choice, by `STREAMS`; NaN of others. None without gauges."""
    found = {}
    for modality in STREAMS:
        prefix = f"{GAUGE}{modality}/"
        if f"{prefix}router" in outputs:
            chosen = outputs[f"{prefix}choice"][:, None] > 0
            found[modality] = np.where(chosen, outputs[f"{prefix}router"], np.nan)
    return found


def summary(
    outputs: Outputs, types: Int[np.ndarray, " n"], experts: Collection[str]
) -> dict[str, float]:
    """The gauges of n pairs, the first in `outputs`.

    Names, with MODALITY text or vision, and EXPERT one of Table 5 (T, T2V, V, V2T):

    - `transport/MODALITY/moved`: |F″ - F| / |F| (Eq. 8), mean over levels; `moved_least` and
      `moved_most`, of the level where it is so.
    - `transport/MODALITY/entropy`: of the plans, by its largest value.
    - `router/EXPERT`: its weight (Eq. 11) where a pair is read out, of all its levels;
      `router/EXPERT/TYPE` by triplet type, `router/EXPERT/level0` and so on by level.
    - `router/MODALITY/entropy`: of the weights at a position, by its largest value.
    - `router/MODALITY/information`: mutual information of expert and triplet type, in nats.

    Gauges of what is switched off are missing, and those of a modality that no pair has.

    Args:
        outputs: with the arrays of `model.gauges.arrays`, their names after `GAUGE`.
        types: triplet types, as indices of `TRIPLET_TYPES`.
        experts: those that take part (Table 5).
    """
    found: dict[str, float] = {}
    for modality in STREAMS:
        prefix = f"{GAUGE}{modality}/"
        arrays = {
            name.removeprefix(prefix): np.asarray(values[: len(types)], np.float64)
            for name, values in outputs.items()
            if name.startswith(prefix)
        }
        found |= _transport(modality, arrays)
        found |= _router(modality, arrays, types, experts)
    return found


def _transport(modality: str, arrays: Mapping[str, np.ndarray]) -> dict[str, float]:
    there = arrays["there"] > 0
    if "moved" not in arrays or not there.any():
        return {}
    levels = arrays["moved"][there].mean(0)
    name = f"transport/{modality}"
    return {
        f"{name}/moved": float(levels.mean()),
        f"{name}/moved_least": float(levels.min()),
        f"{name}/moved_most": float(levels.max()),
        f"{name}/entropy": float(arrays["plan"][there].mean()),
    }


def _router(
    modality: str,
    arrays: Mapping[str, np.ndarray],
    types: Int[np.ndarray, " n"],
    experts: Collection[str],
) -> dict[str, float]:
    chosen = arrays.get("choice", np.zeros(0)) > 0
    if not chosen.any():
        return {}
    own, other, _ = STREAMS[modality]
    weights, kinds = arrays["router"][chosen], types[chosen]
    places = {other: slice(1, None)} if own in experts else {other: slice(None)}
    if own in experts:
        places[own] = slice(0, 1)
    found: dict[str, float] = {}
    for expert, place in places.items():
        parts = weights[:, place]
        found[f"router/{expert}"] = float(parts.sum(1).mean())
        for kind in np.unique(kinds):
            share = parts[kinds == kind].sum(1).mean()
            found[f"router/{expert}/{TRIPLET_TYPES[kind]}"] = float(share)
    for level, share in enumerate(weights[:, places[other]].mean(0)):
        found[f"router/{other}/level{level}"] = float(share)
    found[f"router/{modality}/entropy"] = float(arrays["router_entropy"][chosen].mean())
    found[f"router/{modality}/information"] = information(weights, kinds)
    return found


def collapsed(gauges: Gauges) -> list[str]:
    """A sentence on each mechanism that does nothing."""
    said = []
    for modality, (_, other, what) in STREAMS.items():
        moved = gauges.get(f"transport/{modality}/moved")
        if moved is not None and moved < MOVED:
            said.append(
                f"Transport moves {moved:.2%} of the features of {modality}: fusion of levels does "
                "nothing there (lower model.alpha, or give fusion/alpha a rate in train.rates)."
            )
        heard = gauges.get(f"router/{other}")
        if heard is not None and heard < HEARD:
            said.append(
                f"The router of {modality} gives {what} {heard:.2%} of its weight: it does not "
                "hear it (lower model.own_weight, or slow mmoe down in train.rates)."
            )
        entropy = gauges.get(f"router/{modality}/entropy")
        if entropy is not None and entropy > ALIKE:
            said.append(
                f"The router of {modality} weighs all experts alike: it chooses nothing "
                "(give mmoe a higher rate in train.rates)."
            )
    return said
