"""Which first lines are headers, and which may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from remote_jax.errors import UserError
from remote_jax.roam.data import readings
from remote_jax.roam.data.triples import Graph, Options, fingerprint, read

TRIPLES = [(3, 0, 1), (2, 1, 0), (4, 0, 2), (0, 1, 3)]
SPLITS = ("train", "valid", "test")


def write(folder: Path, first: str, order: str = "hrt") -> Path:
    """Files of the triples, below a first line."""
    lines = ["\t".join(map(str, (h, r, t) if order == "hrt" else (h, t, r))) for h, r, t in TRIPLES]
    for split in SPLITS:
        (folder / f"{split}.txt").write_text("\n".join([first, *lines]))
    return folder


def rows(graph: Graph) -> list[tuple[int, ...]]:
    return [tuple(row) for row in graph.splits["train"].tolist()]


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("head\trelation\ttail", "hrt"),
        ("h\tr\tt", "hrt"),
        ("Subject\tPredicate\tObject", "hrt"),
        ("#source\trel\ttarget", "hrt"),
        ("head_name\trelation_name\ttail_name", "hrt"),
        ("head_id\trelation_id\ttail_id", "hrt"),
        ("# head\trelation\ttail", "hrt"),
        ("'Head Entity'\t'Relation Type'\t'Tail Entity'", "hrt"),
        ("from\tedge\tto", "hrt"),
        ("head\ttail\trelation", "htr"),
    ],
)
def test_headers_are_skipped_and_said(tmp_path: Path, header: str, order: str) -> None:
    graph = read(write(tmp_path, header, order))
    assert len(graph.entities) == 5 and rows(graph) == TRIPLES
    assert "header" in graph.naming.notes


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("relation\thead\ttail", "relation, head, tail"),
        ("tail_id\trel_id\thead_id", "tail, relation, head"),
        ("p\to\ts", "relation, tail, head"),
        ("#Object\tSubject\tPredicate", "tail, head, relation"),
    ],
)
def test_headers_of_other_orders_are_refused(tmp_path: Path, header: str, named: str) -> None:
    said = rf"train\.txt, line 1: the header names the columns {named}; write head, relation, tail"
    with pytest.raises(UserError, match=said):
        read(write(tmp_path, header))


def test_lines_that_may_be_headers(tmp_path: Path) -> None:
    write(tmp_path, "h\tr\tt\nh\tr\ta")
    with pytest.raises(UserError, match=r"train\.txt, line 1: 'h r t' may be a header, but 'h'"):
        read(tmp_path)
    write(tmp_path, "who\twhat\twhom")
    with pytest.raises(UserError, match=r"train\.txt, line 1: 'who what whom' are no whole"):
        read(tmp_path)
    for split in SPLITS:
        (tmp_path / f"{split}.txt").write_text("h\tr\tt\nt\tr\th\n")
    (tmp_path / "entity2id.txt").write_text("h\t0\nt\t1\n")
    (tmp_path / "relation2id.txt").write_text("r\t0\n")
    assert rows(read(tmp_path)) == [(0, 0, 1), (1, 0, 0)]


NAMED = "ann\tknows\tbob\nbob\tknows\tann\n"


def test_first_lines_of_names_that_no_other_line_has(tmp_path: Path) -> None:
    for split in SPLITS:
        (tmp_path / f"{split}.txt").write_text(NAMED)
    plain = read(tmp_path)
    assert plain.naming.notes == ()
    (tmp_path / "test.txt").write_text("who\twhat\twhom\n" + NAMED)
    graph = read(tmp_path)
    assert graph.naming.notes == ("first line=test.txt",) and len(graph.splits["test"]) == 3
    assert graph.sha256 == fingerprint(tmp_path)  # it is read as ever
    said = readings.lines(graph, {}, Options())
    assert said[0].startswith("test.txt: no other line has any name of the first line; delete it")
    (tmp_path / "train.txt").write_text("who\twhat\twhom\n" + NAMED)
    with pytest.raises(UserError, match=r"train\.txt, line 1: 'who what whom' .* test\.txt starts"):
        read(tmp_path)
