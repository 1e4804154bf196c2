"""Folders as finished runs leave them, with scores worked out here, and names that are markup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MARKUP = "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"

Rows = list[dict[str, Any]]


def remote(folder: Path, *, posts: int = 6, name: str = MARKUP) -> Rows:
    """Posts with two pairs each; every third pair is wrong."""
    relations = ["none", "/per/org/member_of", "/per/per/" + name]
    rows = []
    for number in range(2 * posts):
        gold = number % 3
        found = gold if number % 3 else 1
        rows.append(
            {
                "file": "test.json",
                "line": number + 1,
                "image": f"{number // 2}{name}.jpg",
                "tokens": [f"Ada{number // 2}", name, "met", "Bo"],
                "type": ("ee", "eo")[number % 2],
                "head": f"Ada{number // 2}",
                "tail": name,
                "spans": [[0, 1], [1, 2]] if number % 2 == 0 else [[0, 1], None],
                "objects": [-1, -1] if number % 2 == 0 else [-1, 0],
                "boxes": [[0.1, 0.1, 0.5, 0.5]],
                "relation": relations[gold],
                "predicted": relations[found],
                "probability": (number + 1) / (2 * posts + 1),
                "experts": {"text": [0.75, 0.25]} if number % 2 else {},
            }
        )
    right = [row["relation"] == row["predicted"] for row in rows]
    hits = sum(ok and row["relation"] != "none" for ok, row in zip(right, rows, strict=True))
    claimed, related = (
        sum(row[key] != "none" for row in rows) for key in ("predicted", "relation")
    )
    scores = {
        "accuracy": sum(right) / len(rows),
        "precision": hits / claimed,
        "recall": hits / related,
        "f1": 2 * hits / (claimed + related),
    }
    write(folder, "remote", scores, rows, {"model": {"experts": "T2V,V2T,T,V"}}, name)
    (folder / "relations.json").write_text(json.dumps(relations))
    return rows


def eega(folder: Path, *, name: str = MARKUP) -> Rows:
    """A sentence with all that can happen to a quintuple."""

    def entity(start: int, end: int, kind: str = "per") -> dict[str, Any]:
        return {"start": start, "end": end, "type": kind}

    def quintuple(head: dict, tail: dict, relation: str = "met", **more: float) -> dict[str, Any]:
        return {"head": head, "tail": tail, "relation": relation, **more}

    a, b, c, d, e, f = (entity(i, i + 1) for i in range(6))
    wide = entity(4, 6)
    gold = [quintuple(a, b), quintuple(a, c), quintuple(b, c), quintuple(c, d), quintuple(d, e)]
    found = [
        quintuple(a, b, probability=0.9),
        quintuple(c, a, probability=0.8),  # turned
        quintuple(b, entity(2, 3, "org"), probability=0.7),  # type
        quintuple(c, d, name, probability=0.6),  # relation
        quintuple(d, wide, probability=0.5),  # span
        quintuple(a, f, probability=0.4),  # no such pair
    ]
    words = ["Ada", "Bo", name, "Cy", "Di", "Ed"]
    rows = [
        {"file": "test.txt", "image": f"{name}.jpg", "tokens": words, "gold": g, "quintuples": q}
        for g, q in ((gold, found), ([], []))
    ]
    rows[0]["entities"] = [{**a, "attention": [0.25, 0.75]}, b]
    rows[0]["objects"] = [{"box": [0.0, 0.0, 0.5, 0.5], "class": kind} for kind in ("dog", name)]
    scores = {"precision": 1 / 6, "recall": 1 / 5, "f1": 2 / 11}
    write(folder, "eega", scores, rows, {"metric": "directed"}, name)
    return rows


def roam(folder: Path, *, queries: int = 8, name: str = MARKUP, shift: int = 0) -> Rows:
    """Queries both ways, at ranks from 1 to a few; `shift` moves them."""
    rows = [
        {
            "head": f"Ada{number}",
            "relation": "met" if number % 4 else name,
            "tail": name,
            "direction": "tail" if number < queries / 2 else "head",
            "rank": float(1 + (number + shift * (number % 5)) % 3),
            "probability": 1 / (1 + number),
        }
        for number in range(queries)
    ]
    ranks = [row["rank"] for row in rows]
    scores = {
        "mr": sum(ranks) / queries,
        "mrr": sum(1 / rank for rank in ranks) / queries,
        **{f"hits@{k}": sum(rank <= k for rank in ranks) / queries for k in (1, 3, 10)},
    }
    write(folder, "roam", scores, rows, {}, name)
    shares = {"tail": [0.75, 0.25], "head": [0.5, 0.5]}
    routing = {
        "entropy": 0.5,
        "groups": [{"share": 0.5, "modalities": {name: 0.25, "text": 0.75}}] * 2,
        "relations": {"met": shares, name: shares},
    }
    (folder / "routing.json").write_text(json.dumps(routing))
    return rows


SYSTEMS = {"remote": remote, "eega": eega, "roam": roam}


def write(
    folder: Path,
    system: str,
    scores: dict[str, float],
    rows: Rows,
    config: dict[str, Any],
    name: str,
) -> None:
    """The files that the runs of all systems have."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        "metrics": {"validation": scores, "test": scores},
        "dataset": {},
        "config": {"system": system, **config},
        "tables": [{"title": name, "columns": ["relation", "F1"], "rows": [[name, 0.5]]}],
        "collapsed": [f"Of {name} nothing is left."],
        "data": name,
        "seed": 0,
        "steps": 20,
        "best_step": 10,
        "skipped_steps": 0,
        "parameters": 1234,
        "seconds": 5.0,
        "data_wait_seconds": 0.5,
        "peak_memory_bytes": {"host": 2e9},
        "devices": 1,
        "device": "cpu",
        "code": "1.0",
    }
    (folder / "results.json").write_text(json.dumps(results))
    metric = "mrr" if system == "roam" else "f1"
    log = [{"step": step, "split": "train", "loss": 1 / step} for step in (10, 20)]
    log += [{"step": step, "split": "validation", metric: step / 40} for step in (10, 20)]
    log += [{"step": step, "split": "gauges", "router/entropy": step / 40} for step in (10, 20)]
    write_lines(folder / "metrics.jsonl", log)
    write_lines(folder / "predictions.jsonl", rows)


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """JSON, a row a line."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
