"""Makes a knowledge graph of extracted posts: `remote-jax graph EXTRACTED --output=GRAPH`.

    remote-jax graph EXTRACTED --output=GRAPH
    remote-jax graph EXTRACTED --output=GRAPH --aliases=FILE.tsv --keep-apart=FILE.jsonl
    remote-jax graph EXTRACTED --output=GRAPH --graph.minimum_probability=0.8
    remote-jax graph EXTRACTED --output=GRAPH --world=world.json

EXTRACTED is a folder of `remote-jax extract`. GRAPH gets entities.jsonl, facts.jsonl, merges.jsonl
(what was taken for one entity, and why), ambiguous.jsonl, unlinked.jsonl, mentions.jsonl,
summary.json, the folder roam/ that ROAM trains on, and graph.nt, graph.graphml and neo4j/.
--aliases has lines ALIAS<tab>NAME. --keep-apart has the rows of merges.jsonl that are wrong.
--posts is the folder of the posts' pictures, if it has moved. --world is the truth of generated
posts: scores are printed, and written to scores.json.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags

from remote_jax.commands.arguments import check_known, override, read_flags
from remote_jax.config import flatten
from remote_jax.errors import UserError
from remote_jax.graph.build import Sources, build
from remote_jax.graph.completion import too_small
from remote_jax.graph.settings import KEYS, defaults

FLAG = re.compile(r"^--?(no)?graph\.")


def main(argv: Sequence[str]) -> int:
    """Makes the graph that the command line asks for; returns 0.

    Raises:
        UserError: the command line, a setting or a file is wrong, a library is missing, or nothing
            can be written.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("output", "", "Folder for the graph.", values)
    flags.DEFINE_string("aliases", "", "Lines ALIAS<tab>NAME, perhaps <tab>TYPE.", values)
    flags.DEFINE_string("keep-apart", "", "Rows of merges.jsonl that are wrong.", values)
    flags.DEFINE_string("posts", "", "Folder of the posts' pictures.", values)
    flags.DEFINE_string("world", "", "world.json of generated posts, to score against.", values)
    flags.DEFINE_bool("help", False, "Show this.", values, short_name="h")
    program, *rest = read_flags(values, ["remote-jax graph", *argv])
    if values.help:
        print(f"{__doc__}\nSettings:\n\n{_settings()}")
        return 0
    if not rest or rest[0].startswith("-"):
        raise UserError("Name the folder of extracted posts, as `remote-jax graph EXTRACTED`.")
    if not values.output:
        raise UserError("Name a folder for the graph by --output=GRAPH.")
    extracted, *rest = rest
    config = defaults()
    rest = [program, *(FLAG.sub(r"--\1config.graph.", flag) for flag in rest)]
    check_known(rest, values)
    override(config, rest)
    named = {
        name: Path(text) if (text := values[flag].value) else None
        for name, flag in (
            ("aliases", "aliases"),
            ("keep_apart", "keep-apart"),
            ("posts", "posts"),
            ("world", "world"),
        )
    }
    output = Path(values.output)
    summary = build(Sources(Path(extracted), **named), output, config)
    print(f"\n{_told(summary)}\n{output}")
    return 0


def _settings() -> str:
    values = flatten(defaults())
    return "\n".join(
        f"--{name}={values[name]}\n    {key.meaning} Must be {key.rule}."
        for name, key in KEYS.items()
    )


def _told(summary: dict[str, Any]) -> str:
    """What was made, in a few lines."""
    merged = ", ".join(
        f"{reason} {count:,}" for reason, count in summary["merges"].items() if count
    )
    roam = summary["roam"]
    lines = [
        f"{summary['entities']:,} entities of {summary['mentions']:,} mentions and "
        f"{summary['linked_objects']:,} of {summary['objects']:,} objects in "
        f"{summary['posts']:,} posts (merges: {merged or 'none'})",
        f"{summary['facts']:,} facts, {summary['contradicted_facts']:,} of them contradicted; "
        f"{summary['facts_left_out']:,} are too improbable or in too few posts, "
        f"{summary['unlinked_triplets']:,} triplets have an object that is linked to nobody",
    ]
    if summary["ambiguous_names"]:
        lines.append(f"{summary['ambiguous_names']:,} names fit several: see ambiguous.jsonl")
    if count := summary["unmatched_pairs"]:
        lines.append(f"{count:,} rows of --keep-apart have a side that is in no post")
    if roam["written"]:
        features = ", ".join(roam["features"]) or "none (name --graph.encoder or --graph.vision)"
        lines.append(
            f"roam/: {roam['train']:,} facts to train on, {roam['validation']:,} and "
            f"{roam['test']:,} held out; features: {features}"
        )
    else:
        lines.append(f"roam/ is not written: {too_small(summary)}.")
    return "\n".join(lines)
