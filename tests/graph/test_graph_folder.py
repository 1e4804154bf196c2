"""The folder of a graph: what other programs read in it is what was found."""

import csv
import json
from pathlib import Path

import networkx
import pytest
import rdflib
from extracted_posts import BORN, LEFT, MEMBER, SELF, SIBLINGS, post, small, write

from remote_jax.errors import UserError
from remote_jax.graph import build
from remote_jax.graph.build import Sources
from remote_jax.graph.settings import defaults
from remote_jax.roam.data import text, triples

HOSTILE = (
    "=cmd|' /C calc'!A0",
    '<script>alert(1)</script> & "quotes"',
    "../../etc/passwd",
    "two\nlines\tand\x00a\x1bcontrol",
    "a;b, c .",
    "x" * 18_000,
    "\u202egnp.exe",
    "<urn:x> <urn:y> <urn:z> .",
    "@everyone",
    "head",
    "\ud7ff\uffff",
)


def made(folder: Path, posts, *, aliases=None, keep_apart=None, **changed) -> Path:
    config = defaults()
    config.graph.update(changed)
    sources = Sources(write(folder / "extracted", posts), aliases, keep_apart)
    build.build(sources, folder / "graph", config)
    return folder / "graph"


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def facts(graph: Path) -> set[tuple[str, str, str]]:
    return {(one["head"], one["relation"], one["tail"]) for one in rows(graph / "facts.jsonl")}


def hostile():
    """Every hostile name has a fact with the next one, by a relation that is hostile, too."""
    for number, name in enumerate(HOSTILE):
        other = HOSTILE[(number + 1) % len(HOSTILE)]
        relations = [(0, "/per;x/per;x/siblings", 1, 0.9), (1, "a b<c>\n/../%", 0, 0.8)]
        yield post(f"../p{number}", [(name, "per;x"), (other, "per;x")], relations)


@pytest.fixture(params=["small", "hostile"])
def graph(request, tmp_path):
    posts = small() if request.param == "small" else list(hostile())
    folder = made(tmp_path, posts)
    assert len(facts(folder)) == (6 if request.param == "small" else 2 * len(HOSTILE))
    return folder


def test_roam_reads_its_folder(graph):
    found = triples.read(graph / "roam")
    labels = {name: name.rpartition("(")[2][:-1] for name in found.entities}
    splits = {split: found.splits[split].tolist() for split in ("train", "validation", "test")}
    held = [
        (labels[found.entities[h]], found.relations[r], labels[found.entities[t]])
        for some in splits.values()
        for h, r, t in some
    ]
    both_ways = {(t, r, h) for h, r, t in facts(graph) if r.endswith("siblings")}
    assert both_ways and len(held) == len(set(held)) and set(held) == facts(graph) | both_ways
    for some in splits.values():
        for h, r, t in some:
            assert not found.relations[r].endswith("siblings") or [t, r, h] in some
    assert splits["validation"] and splits["test"] and found.seen.all()
    described = text.read_descriptions(graph / "roam/descriptions.txt")
    assert set(described) == set(found.entities)
    names = {one["id"]: one["name"] for one in rows(graph / "entities.jsonl")}
    for label, words in described.items():
        assert words.startswith(names[labels[label]][:100])


def test_rdflib_reads_what_was_found(graph):
    found = rdflib.Graph().parse(graph / "graph.nt", format="nt")
    entity, relation = (rdflib.URIRef(f"urn:remote-jax:{one}:") for one in ("entity", "relation"))
    labels = {str(s).removeprefix(entity): str(o) for s, o in found[: rdflib.RDFS.label]}
    names = {one["id"]: one["name"] for one in rows(graph / "entities.jsonl")}
    assert labels == names
    told = {
        (s.removeprefix(entity), unquoted(p.removeprefix(relation)), o.removeprefix(entity))
        for s, p, o in found
        if p.startswith(relation)
    }
    assert told == facts(graph)
    probability = rdflib.URIRef("urn:remote-jax:probability")
    ranked = sorted(float(o) for _, o in found[:probability])
    assert ranked == sorted(one["probability"] for one in rows(graph / "facts.jsonl"))


def unquoted(name):
    from urllib.parse import unquote

    return unquote(name)


def test_networkx_reads_what_was_found(graph):
    found = networkx.read_graphml(graph / "graph.graphml", force_multigraph=True)
    told = {(h, values["relation"], t) for h, t, values in found.edges(data=True)}
    assert told == facts(graph)
    for one in rows(graph / "entities.jsonl"):
        node = found.nodes[one["id"]]
        assert node["name"].rstrip("…") == one["name"][: len(node["name"].rstrip("…"))]
        assert node.get("type") == one["type"]


def test_csv_has_what_was_found_and_no_formula(graph):
    with (graph / "neo4j/relationships.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    ends = {(one[":START_ID"], one[":TYPE"], one[":END_ID"]) for one in found}
    assert ends == facts(graph)
    with (graph / "neo4j/nodes.csv").open(newline="") as file:
        nodes = {one["entity:ID"]: one for one in csv.DictReader(file)}
    for one in rows(graph / "entities.jsonl"):
        assert nodes[one["id"]]["name"].removeprefix("'") == one["name"]
        assert ";" not in nodes[one["id"]][":LABEL"]
    for line in (*found, *nodes.values()):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line.values())


def test_no_file_is_named_after_a_name(graph):
    known = {"neo4j", "roam", *build.OPTIONAL, build.SUMMARY}
    known |= {build.ENTITIES, build.FACTS, build.MERGES}
    known |= {build.AMBIGUOUS, build.UNLINKED, build.MENTIONS}
    found = {path.relative_to(graph).as_posix() for path in graph.rglob("*")}
    assert found <= known
    beside = {path.name for path in graph.parent.iterdir()}
    assert beside == {"extracted", "graph"}


def test_merges_that_a_person_rejects_are_undone(tmp_path):
    graph = made(tmp_path, small())
    (wrong,) = (one for one in rows(graph / "merges.jsonl") if one["a"].get("name") == "G. Bamorel")
    rejected = tmp_path / "wrong.jsonl"
    rejected.write_text(json.dumps(wrong))
    names = {one["name"] for one in rows(graph / "entities.jsonl")}
    again = made(tmp_path, small(), keep_apart=rejected)
    apart = {one["name"] for one in rows(again / "entities.jsonl")}
    assert apart - names == {"G. Bamorel"}
    assert not any("contradicts" in one for one in rows(again / "facts.jsonl"))


def test_the_same_posts_in_any_order_give_the_same_bytes(tmp_path):
    one, two = (
        made(tmp_path / name, posts) for name, posts in (("one", small()), ("two", small()[::-1]))
    )
    for path in sorted(one.rglob("*.*")):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes(), path


def test_names_that_fit_several_are_listed(tmp_path):
    posts = [
        post("a", [("Ann Lee", "per"), ("Bo Lee", "per")], [(0, SIBLINGS, 1, 0.9)]),
        post("b", [("Lee", "per")]),
    ]
    (found,) = rows(made(tmp_path, posts) / "ambiguous.jsonl")
    assert found == {
        "name": "Lee",
        "type": "per",
        "entity": "E3",
        "mentions": 1,
        "candidates": ["E1", "E2"],
    }


def test_triplets_of_unlinked_objects_are_listed(tmp_path):
    graph = made(tmp_path, small())
    (found,) = rows(graph / "unlinked.jsonl")
    assert found["post"] == "p3" and found["head"]["name"] == "a flag"
    summary = json.loads((graph / "summary.json").read_text())
    assert summary["unlinked_triplets"] == 1 and summary["self_relations"] == 2
    assert summary["linked_objects"] == 1 and summary["objects"] == 2


def test_too_few_facts_leave_no_folder_for_roam(tmp_path):
    made(tmp_path, small())
    graph = made(tmp_path, [post("a", ["Ann", "Kelano"], [(0, BORN, 1, 0.9)])])
    said = json.loads((graph / "summary.json").read_text())["roam"]
    assert not said["written"] and "no two triples can be held out" in said["why"]
    assert list((graph / "roam").iterdir()) == []  # nothing of the graph before it


def test_an_earlier_graph_leaves_nothing(tmp_path):
    made(tmp_path, small())
    graph = made(tmp_path, small(), exports="neo4j")
    assert not (graph / "graph.nt").exists() and (graph / "neo4j/nodes.csv").exists()


@pytest.mark.parametrize(
    ("posts", "changed", "said"),
    [
        ([post("a", [])], {}, "no mentions"),
        (small(), {"exports": "nt,ttl"}, "graph.exports names 'ttl'"),
        (small(), {"similarity": 0.0}, "graph.similarity must be a number above 0"),
        (small(), {"vision": "."}, "names no folder of posts that is here"),
    ],
)
def test_mistakes_are_told(tmp_path, posts, changed, said):
    with pytest.raises(UserError, match=said):
        made(tmp_path, posts, **changed)


def test_the_input_is_not_the_output(tmp_path):
    extracted = write(tmp_path, small())
    with pytest.raises(UserError, match="expected another folder"):
        build.build(Sources(extracted), tmp_path, defaults())


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(build.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"needs rdflib: pip install -e '\.\[graph\]'"):
        made(tmp_path, small())


def test_an_object_is_described_by_its_captions(tmp_path):
    posts = [
        *small(),
        post("p9", [("Gatika Bamorel", "per"), ("a figure", LEFT)], [(0, SELF, 1, 1)]),
    ]
    found = text.read_descriptions(made(tmp_path, posts) / "roam/descriptions.txt")
    assert found["Gatika Bamorel (E1)"] == (
        "Gatika Bamorel, per; also Bamorel, G. Bamorel; in pictures a figure, a person waving"
    )
    assert MEMBER not in str(found)
