"""The graph as JSON lines: entities, facts, merges, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from remote_jax.graph.entities import Entities
from remote_jax.graph.extraction import Extraction
from remote_jax.graph.facts import Facts, Gathered, dates
from remote_jax.graph.linking.link import REASONS, Linking, described
from remote_jax.graph.names import clean, shown

MAX_POSTS = 100
"""Posts that are listed with a fact, the most probable ones; `support` counts all."""


@dataclass(frozen=True)
class Knowledge:
    """All that was found, as writers need it.

    Attributes:
        gathered: of all triplets.
        facts: those that the settings keep.
        contradicting: of rows of `facts`, the rows that contradict them.
    """

    extraction: Extraction
    linking: Linking
    entities: Entities
    gathered: Gathered
    facts: Facts
    contradicting: dict[int, list[int]]

    def fact(self, row: int) -> tuple[str, str, str]:
        """Ids of head and tail, and the relation between them: head, relation, tail."""
        facts, rows = self.facts, self.entities.rows
        relation = self.extraction.relations[facts.relation[row]]
        return rows[facts.head[row]].id, relation, rows[facts.tail[row]].id


def fact_id(row: int) -> str:
    """`F1` of the first fact."""
    return f"F{row + 1}"


def facts(knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The rows of `facts.jsonl`."""
    found, posts = knowledge.facts, knowledge.extraction.posts
    for row in range(len(found)):
        first, last = found.starts[row], found.starts[row + 1]
        listed = range(first, min(last, first + MAX_POSTS))
        head, relation, tail = knowledge.fact(row)
        line = {
            "id": fact_id(row),
            "head": head,
            "relation": relation,
            "tail": tail,
            "probability": float(found.probability[row]),
            "support": int(last - first),
            **dates(knowledge.extraction, found, row),
            "posts": [
                {
                    "id": posts.ids[found.posts[one]],
                    "date": posts.dates[found.posts[one]],
                    "probability": float(found.stated[one]),
                    "text": shown(clean(posts.texts[found.posts[one]])),
                }
                for one in listed
            ],
        }
        if others := knowledge.contradicting.get(row):
            line["contradicts"] = [fact_id(one) for one in others]
        yield line


def merges(knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The rows of `merges.jsonl`: what was joined, why, and how sure that is."""
    linking, extraction, entities = knowledge.linking, knowledge.extraction, knowledge.entities
    edges, nodes = linking.edges, linking.nodes
    entity = dict(zip(nodes.of.tolist(), entities.of.tolist(), strict=True))
    columns = (edges.one, edges.two, edges.why, edges.score)
    for one, two, why, score in zip(*(column.tolist() for column in columns), strict=True):
        place = entity[one]
        yield {
            "a": described(extraction, nodes, one),
            "b": described(extraction, nodes, two),
            "why": REASONS[why],
            "score": score,
            "entity": entities.rows[place].id if place >= 0 else None,
        }


def ambiguous(knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The rows of `ambiguous.jsonl`: abbreviations that several names fit, left by themselves."""
    linking, extraction = knowledge.linking, knowledge.extraction
    nodes, resolution = linking.nodes, linking.resolution
    entity = dict(zip(nodes.of.tolist(), knowledge.entities.of.tolist(), strict=True))
    members: dict[int, int] = {}
    for node, group in enumerate(nodes.group.tolist()):
        members.setdefault(group, node)
    for node, (group, resolved) in enumerate(zip(nodes.group, nodes.resolved, strict=True)):
        if resolved < 0 and (several := resolution.candidates.get(int(group), ())):
            yield {
                **described(extraction, nodes, node),
                "entity": knowledge.entities.rows[entity[node]].id,
                "mentions": int(nodes.count[node]),
                "candidates": [knowledge.entities.rows[entity[members[one]]].id for one in several],
            }


def unlinked(knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The rows of `unlinked.jsonl`: triplets that are no facts."""
    extraction, triplets = knowledge.extraction, knowledge.extraction.triplets
    for row, why in knowledge.gathered.unused:
        head, tail = int(triplets.head[row]), int(triplets.tail[row])
        yield {
            "post": extraction.posts.ids[extraction.mentions.post[head]],
            "head": extraction.mention(head).to_dict(),
            "relation": extraction.relations[triplets.relation[row]],
            "tail": extraction.mention(tail).to_dict(),
            "probability": float(triplets.probability[row]),
            "why": why,
        }


def mentions(knowledge: Knowledge) -> Iterator[dict[str, Any]]:
    """The rows of `mentions.jsonl`: of each post the entities of its mentions, in their order."""
    found, rows = knowledge.extraction, knowledge.entities.rows
    entities: list[list[str | None]] = [[] for _ in found.posts.ids]
    places = zip(found.mentions.post.tolist(), knowledge.entities.of.tolist(), strict=True)
    for post, place in places:
        entities[post].append(rows[place].id if place >= 0 else None)
    for post, some in zip(found.posts.ids, entities, strict=True):
        yield {"post": post, "entities": some}
