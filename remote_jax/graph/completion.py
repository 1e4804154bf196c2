"""Whether a graph has enough facts for ROAM to complete it; if not, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEEDS = (
    "ROAM needs two facts that can be held out, for validation and test: both entities and the "
    "relation of each must also be in a fact that is trained on"
)


def too_small(summary: Mapping[str, Any]) -> str:
    """What a graph has, what ROAM needs and what to do; "" if there is a folder for ROAM.

    Args:
        summary: of the graph, as `summary.json` has it.
    """
    roam = summary.get("roam")
    if not isinstance(roam, Mapping) or roam.get("written") is not False:
        return ""
    found = " and ".join(f"{summary.get(name, 0):,} {name}" for name in ("entities", "facts"))
    remedy = "extract from more posts"
    if left_out := summary.get("facts_left_out"):
        remedy += (
            f", or lower --graph.minimum_probability or --graph.minimum_posts, by which "
            f"{left_out:,} facts are left out"
        )
    return (
        f"the graph is too small for ROAM: {found} were found in {summary.get('posts', 0):,} "
        f"posts. {NEEDS}. To do: {remedy}"
    )
