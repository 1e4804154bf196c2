"""How a folder was read, for a person and for `results.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remote_jax.roam.data.features import Modality
from remote_jax.roam.data.layouts.headers import FIRST_LINE
from remote_jax.roam.data.layouts.names import Naming
from remote_jax.roam.data.triples import Graph, Options

SHOWN = 5
"""Files passed over that are named."""


def reading(
    graph: Graph, modalities: Mapping[str, Modality], passed_over: Mapping[str, str]
) -> dict[str, Any]:
    """What `results.json` says of the reading, as JSON values.

    Args:
        graph: with its naming.
        modalities: with their notes.
        passed_over: files that are not read, and what to do about each.
    """
    found: dict[str, Any] = {
        "entities": _ids(graph.naming),
        "notes": list(graph.naming.notes),
        "features": {name: dict(modality.notes) for name, modality in modalities.items()},
        "unseen_relations": graph.unseen_relations,
        "passed_over": list(passed_over)[:SHOWN],
    }
    return {key: value for key, value in found.items() if value}


def lines(graph: Graph, passed_over: Mapping[str, str], options: Options) -> list[str]:
    """Lines for a person, of what is unusual."""
    said = [_NOTES[note] for note in graph.naming.notes if note in _NOTES]
    said += [
        f"{note.removeprefix(FIRST_LINE)}: no other line has any name of the first line; delete it "
        "if it is a header"
        for note in graph.naming.notes
        if note.startswith(FIRST_LINE)
    ]
    if options.holdout:
        count = len(graph.splits["test"])
        said.append(
            f"Validation and test were drawn from the training file, {count:,} triples in test "
            f"(data.holdout={options.holdout:g}, seed {options.seed}); their entities and "
            "relations keep a training triple"
        )
    for split, counts in graph.unseen_relations.items():
        said.append(
            f"Relations of {split} without a training triple: {counts['relations']:,}, in "
            f"{counts['triples']:,} triples; their answers are guesses"
        )
    shown = list(passed_over.items())[:SHOWN]
    said += [f"Passed over: {name}: {remedy}" for name, remedy in shown]
    if len(passed_over) > SHOWN:
        said.append(f"Passed over: {len(passed_over) - SHOWN:,} more files of features")
    return said


def _ids(naming: Naming) -> str:
    """Where entities have their ids from."""
    if naming.file:
        return f"ids of {naming.file}" if naming.explicit else f"places in {naming.file}"
    return "numbers" if "numbers" in naming.notes else "as met in the triples"


_NOTES = {
    "header": "Header lines of the triples were skipped",
    "columns=hrt": "Columns of the triples: head, relation, tail",
    "columns=htr": "Columns of the triples: head, tail, relation",
    "numbers": "Entities are whole numbers without an id file: each number is its id",
    "ids": "Numbers in the triples are ids of the id file, not names in it",
}
"""Sentences for the notes of a naming that a person should see."""
