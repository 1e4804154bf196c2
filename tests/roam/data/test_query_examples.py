"""Examples to train on and to rank, against sets of triples."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remote_jax.roam.data import examples
from remote_jax.roam.data.triples import Graph
from remote_jax.roam.ranking import KnownAnswers, unpack

RELATIONS = 3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_examples_hold_every_answer_and_no_other(entities: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    splits = {
        name: np.stack(
            [
                rng.integers(0, entities, size),
                rng.integers(0, RELATIONS, size),
                rng.integers(0, entities, size),
            ],
            1,
        )
        for name, size in (("train", 15), ("validation", 4), ("test", 5))
    }
    names = tuple(f"e{i}" for i in range(entities))
    graph = Graph(names, ("p", "q", "r"), splits, "0")

    def answers(rows: np.ndarray) -> dict[tuple[int, int], set[int]]:
        found: dict[tuple[int, int], set[int]] = {}
        for h, r, t in rows.tolist():
            found.setdefault((h, r), set()).add(t)
            found.setdefault((t, r + RELATIONS), set()).add(h)
        return found

    def unpacked(example: dict[str, np.ndarray]) -> set[int]:
        mask = unpack(jnp.asarray(example["known"])[None], entities)[0]
        return set(np.flatnonzero(mask).tolist())

    rows = list(examples.distinct_queries(graph))
    found = {tuple(example["query"].tolist()): unpacked(example) for example in rows}
    assert len(found) == len(rows) and found == answers(splits["train"])

    everything = answers(np.concatenate(list(splits.values())))
    known = KnownAnswers.from_splits(splits.values(), RELATIONS)
    ranked = list(examples.ranking_queries(graph, "test", known))
    asked = [(*example["query"].tolist(), int(example["target"])) for example in ranked]
    test = splits["test"].tolist()
    wanted = [(h, r, t) for h, r, t in test] + [(t, r + RELATIONS, h) for h, r, t in test]
    assert asked == wanted and not any("calibrates" in example for example in ranked)
    assert all(x["calibrates"] for x in examples.ranking_queries(graph, "validation", known))
    assert all(unpacked(example) == everything[asked[i][:2]] for i, example in enumerate(ranked))
