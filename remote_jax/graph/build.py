"""From a folder of extracted posts to a folder with the graph: `remote-jax graph`."""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from remote_jax.data.extracted import read_extracted, read_manifest
from remote_jax.errors import Refused, UserError, nearest, writing
from remote_jax.graph import evaluation, extraction, facts, implied
from remote_jax.graph.entities import entities
from remote_jax.graph.linking import aliases, apart
from remote_jax.graph.linking.link import REASONS, link
from remote_jax.graph.settings import checked, listed
from remote_jax.graph.writers import graphml, neo4j, rdf, roam, rows
from remote_jax.graph.writers.rows import Knowledge
from remote_jax.reporting import results
from remote_jax.reporting.progress import working

ENTITIES, FACTS, MERGES, AMBIGUOUS, UNLINKED, MENTIONS = (
    f"{name}.jsonl" for name in ("entities", "facts", "merges", "ambiguous", "unlinked", "mentions")
)
SUMMARY, SCORES, ROAM, IMPLIED = "summary.json", "scores.json", "roam", "implied.jsonl"


@dataclass(frozen=True)
class Export:
    """A further format: its file or folder, what writes it, and the library that this needs."""

    file: str
    write: Callable[[Knowledge, Path], None]
    needs: str = ""


EXPORTS = {
    "nt": Export("graph.nt", rdf.write, "rdflib"),
    "graphml": Export("graph.graphml", graphml.write, "networkx"),
    "neo4j": Export("neo4j", neo4j.write),
}
OPTIONAL = (
    *("graph.nt", "graph.graphml", "neo4j/nodes.csv", "neo4j/relationships.csv"),
    *(f"{ROAM}/{name}" for name in roam.FILES),
)
"""What a graph may be without; an earlier one's would be of another graph."""


@dataclass(frozen=True)
class Sources:
    """What a graph is made from.

    Attributes:
        extracted: folder of `remote-jax extract`.
        aliases: file of a person's aliases, if there is one.
        keep_apart: file of rows of `merges.jsonl` that a person rejects, if there is one.
        posts: folder that names of pictures are relative to; that of the manifest if None.
        world: the truth, if scores are wanted.
    """

    extracted: Path
    aliases: Path | None = None
    keep_apart: Path | None = None
    posts: Path | None = None
    world: Path | None = None


def build(sources: Sources, output: Path, config: ConfigDict) -> dict[str, Any]:
    """Makes a graph and writes it; returns what `summary.json` says, and prints scores.

    Args:
        output: made if absent; what an earlier graph left there is replaced.
        config: as `settings.defaults` gives it.

    Raises:
        UserError: a setting or a file is wrong, a library is missing, or the folder cannot be
            written.
    """
    settings = checked(config).graph
    exports = _exports(settings.exports)
    _check_output(sources.extracted, output)
    world = evaluation.read_world(sources.world) if sources.world else None
    named = aliases.read(sources.aliases) if sources.aliases else None
    barred = apart.read(sources.keep_apart) if sources.keep_apart else []
    found = extraction.tables(read_extracted(sources.extracted))
    if not len(found.mentions):
        raise UserError(
            f"{sources.extracted} has no mentions: there is nothing to make a graph of."
        )
    with working("linking mentions"):
        linking = link(found, settings, named, barred)
        known = entities(found, linking)
        gathered = facts.gather(found, known, settings)
    kept = gathered.facts.chosen(facts.enough(gathered.facts, settings))
    contradicting = facts.contradictions(kept, found.relations, settings.functional)
    knowledge = Knowledge(found, linking, known, gathered, kept, contradicting)
    _clear(output)
    summary = _summary(knowledge, config)
    with working("writing the graph"):
        _write_rows(knowledge, output)
        for name in exports:
            EXPORTS[name].write(knowledge, output / EXPORTS[name].file)
        summary["roam"] = _write_roam(knowledge, sources, output / ROAM, settings)
    if world is not None:
        _score(knowledge, settings, world, output)
    results.write_json(output / SUMMARY, summary)
    return summary


def _exports(setting: str) -> tuple[str, ...]:
    """The formats that a setting names.

    Raises:
        UserError: there is no such format, or its library is not installed.
    """
    found = listed(setting)
    for name in found:
        if name not in EXPORTS:
            raise UserError(
                f"graph.exports names {name!r}{nearest(name, EXPORTS)}; the formats are "
                f"{', '.join(EXPORTS)}."
            )
        needs = EXPORTS[name].needs
        if needs and importlib.util.find_spec(needs) is None:
            raise UserError(
                f"{EXPORTS[name].file} needs {needs}: pip install -e '.[graph]', or leave {name} "
                "out of --graph.exports."
            )
    return found


def _check_output(extracted: Path, output: Path) -> None:
    if output.resolve() == extracted.resolve():
        raise UserError(f"--output is {extracted} itself, expected another folder for the graph.")
    if output.exists() and not output.is_dir():
        raise UserError(f"--output={output} is a file, expected a folder.")


def _clear(output: Path) -> None:
    """Removes what an earlier graph had and this one may not have; the summary comes back last."""
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for name in (SUMMARY, SCORES, IMPLIED, *OPTIONAL):
            (output / name).unlink(missing_ok=True)


def _write_rows(knowledge: Knowledge, output: Path) -> None:
    found = {
        ENTITIES: (one.to_dict() for one in knowledge.entities.rows),
        FACTS: rows.facts(knowledge),
        MERGES: rows.merges(knowledge),
        AMBIGUOUS: rows.ambiguous(knowledge),
        UNLINKED: rows.unlinked(knowledge),
        MENTIONS: rows.mentions(knowledge),
    }
    for name, lines in found.items():
        results.write_rows(output / name, lines)


def _write_roam(
    knowledge: Knowledge, sources: Sources, folder: Path, settings: ConfigDict
) -> dict[str, Any]:
    """Writes the folder for ROAM, and says what it has; or why there is none."""
    try:
        both_ways = facts.symmetric(knowledge.extraction.relations, settings.symmetric)
        splits = roam.split(knowledge, settings.holdout, settings.holdout_seed, both_ways)
    except Refused as error:
        return {"written": False, "why": str(error)}
    roam.write(knowledge, folder, splits)
    features: dict[str, Any] = {}
    said: dict[str, Any] = {name: len(triples) for name, triples in splits.items()}
    if settings.encoder or settings.vision:
        module = importlib.import_module("remote_jax.graph.writers.features")  # imports jax
        if settings.encoder:
            features["text"] = module.text_features(knowledge, settings.encoder)
        if settings.vision:
            pictures = sources.posts or _posts_folder(sources.extracted)
            *image, problems = module.image_features(knowledge, pictures, settings.vision)
            said["unread_pictures"] = problems[:10]
            if len(image[0]):
                features["image"] = tuple(image)
    roam.write_features(features, folder)
    return {
        "written": True,
        **said,
        "features": {name: len(one[0]) for name, one in features.items()},
    }


def _posts_folder(extracted: Path) -> Path:
    named = read_manifest(extracted).get("posts_folder")
    if not isinstance(named, str) or not Path(named).is_dir():
        raise UserError(
            f"The manifest of {extracted} names no folder of posts that is here, and pictures are "
            "relative to it: name it by --posts=FOLDER."
        )
    return Path(named)


def _summary(knowledge: Knowledge, config: ConfigDict) -> dict[str, Any]:
    found, edges = knowledge.extraction, knowledge.linking.edges
    of, is_object = knowledge.entities.of, found.mentions.is_object
    why = Counter(REASONS[one] for one in edges.why.tolist())
    unused = Counter(reason for _, reason in knowledge.gathered.unused)
    return {
        "posts": len(found.posts.ids),
        "mentions": int((~is_object).sum()),
        "objects": int(is_object.sum()),
        "linked_objects": int((is_object & (of >= 0)).sum()),
        "entities": len(knowledge.entities.rows),
        "merges": {reason: why[reason] for reason in REASONS},
        "unmatched_pairs": knowledge.linking.unmatched,
        "ambiguous_names": sum(1 for _ in rows.ambiguous(knowledge)),
        "triplets": len(found.triplets.head),
        "self_relations": knowledge.gathered.selves,
        "unlinked_triplets": unused[facts.UNLINKED],
        "loops": unused[facts.LOOP],
        "mistyped_triplets": unused[facts.MISTYPED],
        "facts": len(knowledge.facts),
        "facts_left_out": len(knowledge.gathered.facts) - len(knowledge.facts),
        "contradicted_facts": len(knowledge.contradicting),
        "settings": config.graph.to_dict(),
        "code": results.code_version(),
    }


def _score(
    knowledge: Knowledge, settings: ConfigDict, world: evaluation.World, output: Path
) -> None:
    found = knowledge.gathered.facts
    scores = evaluation.evaluate(
        knowledge.extraction,
        knowledge.entities,
        found,
        facts.enough(found, settings),
        settings.symmetric,
        world,
    )
    results.write_json(output / SCORES, scores.to_dict())
    results.write_rows(output / IMPLIED, implied.questions(knowledge, world))
    for table in scores.tables():
        print(f"\n{table}")
