"""What a pipeline prints at its end: what each station took and made, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remote_jax.data.extracted import MANIFEST
from remote_jax.data.files import read_json
from remote_jax.graph import implied
from remote_jax.graph.build import IMPLIED, ROAM, SCORES, SUMMARY
from remote_jax.graph.reading import RUN
from remote_jax.graph.writers.roam import ENTITY_IDS
from remote_jax.pipeline.plan import ANSWERS, RESULTS
from remote_jax.reporting.numbers import scores as scores_of
from remote_jax.reporting.results import read_results

LIMIT = 2**26
"""Bytes of the files that are read here."""

HEADLINES = ("f1", "mrr")
"""The scores that choose checkpoints of REMOTE and of ROAM."""


def told(workdir: Path, taken: Mapping[str, float | None]) -> str:
    """A line a station, its seconds or that it was skipped, and what it made.

    Args:
        taken: seconds by station, None for one that was skipped.
    """
    made = _made(workdir)
    lines = []
    for name, seconds in taken.items():
        how = "unchanged" if seconds is None else f"{seconds:,.0f} s"
        lines.append(f"{name:8} {how:>10}  {made.get(name, '')}".rstrip())
    return "\n".join(
        [*lines, "", "Ask it:", f'    remote-jax ask {workdir / "graph"} "NAME" RELATION']
    )


def _made(workdir: Path) -> dict[str, str]:
    """What there is to say of stations, by their names."""
    manifest = read_json(workdir / "extracted" / MANIFEST, LIMIT)
    graph = read_json(workdir / "graph" / SUMMARY, LIMIT)
    posts, failed = (
        sum(one.get(key, 0) for one in manifest["shards"]) for key in ("posts", "failed")
    )
    said = {
        "extract": f"{posts:,} posts"
        + f"; nothing was extracted from {failed:,} more" * bool(failed),
        "graph": f"{graph['entities']:,} entities, {graph['facts']:,} facts{_against(workdir)}",
    }
    for name, run in (("remote", workdir / "remote"), ("roam", workdir / "graph" / RUN)):
        results = run / RESULTS
        if results.is_file():
            said[name] = _scores(read_results(results)[0])
    answers = workdir / ANSWERS
    if answers.is_file():
        said["answer"] = _answered(workdir, answers)
    return said


def _scores(results: Mapping[str, Any]) -> str:
    split, _ = list(results["metrics"].items())[-1]
    found = scores_of(results)
    shown = [f"{name} {100 * found[name]:.1f}" for name in HEADLINES if name in found]
    return f"{split}: {', '.join(shown)}"


def _against(workdir: Path) -> str:
    """How the graph compares with the world of generated posts, if it is one of theirs."""
    path = workdir / "graph" / SCORES
    if not path.is_file():
        return ""
    found = read_json(path, LIMIT)
    facts = found["facts"]
    return (
        f"; against the world: B-cubed F1 {found['entities']['all']['f1']:.3f}, facts' precision "
        f"{facts['precision']:.3f}, recall {facts['recall']:.3f}"
    )


def _answered(workdir: Path, answers: Path) -> str:
    if not (workdir / "graph" / IMPLIED).is_file():
        return str(answers)
    with (workdir / "graph" / ROAM / ENTITY_IDS).open(encoding="utf-8") as file:
        candidates = sum(1 for line in file if "\t" in line)
    found = implied.scores(answers, candidates)
    return (
        f"{found.facts:,} facts that no post states: MRR {100 * found.mrr:.1f}, Hits@10 "
        f"{100 * found.hits:.1f} ({found.factor:.0f} times chance)"
    )
