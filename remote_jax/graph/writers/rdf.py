"""The graph as N-Triples (W3C 2014), by rdflib.

<urn:remote-jax:entity:E1> rdfs:label "Ann Lee" ; rdf:type <urn:remote-jax:type:per> .
<urn:remote-jax:entity:E1> <urn:remote-jax:relation:%2Fper%2Forg%2Fmember_of> <...:E2> .
<urn:remote-jax:fact:F1> rdf:subject ... ; rdf:predicate ... ; rdf:object ... ;
    <urn:remote-jax:probability> 0.97 ; <urn:remote-jax:support> 3 .
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from remote_jax.graph.writers.rows import Knowledge, fact_id
from remote_jax.reporting.results import write_atomically

BASE = "urn:remote-jax"
BLOCK = 10_000
"""Triples that are held at a time."""


def iri(kind: str, name: str) -> str:
    """The IRI of an entity, a relation, a type or a fact: every other character is encoded."""
    return f"{BASE}:{kind}:{quote(name, safe='')}"


def write(knowledge: Knowledge, path: Path) -> None:
    """Writes `graph.nt`.

    Raises:
        UserError: the file cannot be written.
    """
    write_atomically(path, _lines(_triples(knowledge)))


def _triples(knowledge: Knowledge) -> Iterator[tuple[Any, Any, Any]]:
    from rdflib import RDF, RDFS, Literal, URIRef

    for one in knowledge.entities.rows:
        subject = URIRef(iri("entity", one.id))
        yield subject, RDFS.label, Literal(one.name)
        if one.type:
            yield subject, RDF.type, URIRef(iri("type", one.type))
        for alias in one.aliases:
            yield subject, URIRef(f"{BASE}:alias"), Literal(alias)
    facts = knowledge.facts
    for row in range(len(facts)):
        head, relation, tail = knowledge.fact(row)
        ends = URIRef(iri("entity", head)), URIRef(iri("entity", tail))
        predicate = URIRef(iri("relation", relation))
        yield ends[0], predicate, ends[1]
        fact = URIRef(iri("fact", fact_id(row)))
        yield fact, RDF.type, RDF.Statement
        yield fact, RDF.subject, ends[0]
        yield fact, RDF.predicate, predicate
        yield fact, RDF.object, ends[1]
        yield fact, URIRef(f"{BASE}:probability"), Literal(float(facts.probability[row]))
        yield fact, URIRef(f"{BASE}:support"), Literal(int(facts.support[row]))


def _lines(triples: Iterable[tuple[Any, Any, Any]]) -> Iterator[str]:
    """N-Triples may be written one block after the other, so that not all are held."""
    from rdflib import Graph

    rest = iter(triples)
    while block := list(islice(rest, BLOCK)):
        graph = Graph()
        for triple in block:
            graph.add(triple)
        yield from sorted(graph.serialize(format="nt").splitlines(keepends=True))
