"""Answers of two models to one post, gathered."""

from __future__ import annotations

from small_posts import OBJECTS, TOKENS

from remote_jax.data.extracted import Mention, Triplet
from remote_jax.eega.answers import FoundEntity, FoundQuintuple, Quintuples
from remote_jax.eega.answers import Mention as Entity
from remote_jax.extract.found import FoundInPost
from remote_jax.remote.answers import EntityArgument, ObjectArgument, Relation, Relations

ANN, BOB = Entity("Gatika Bamorel", 0, 2, "per"), Entity("Divafen United", 4, 6, "org")
PERSON = ObjectArgument(0, (0.1, 0.1, 0.5, 0.9))


def test_of_a_triplet_found_twice_the_greater_probability_counts() -> None:
    found = FoundInPost({"tokens": TOKENS, "objects": OBJECTS})
    found.add_entities([{"start": 4, "end": 6, "name": "the club"}])
    entities = tuple(FoundEntity(x.name, x.start, x.end, x.type, 0.9) for x in (ANN, BOB))
    quintuples = (FoundQuintuple(ANN, BOB, "plays", 0.25), FoundQuintuple(BOB, ANN, "plays", 0.5))
    found.add_quintuples(Quintuples(entities=entities, quintuples=quintuples))
    head, tail = (EntityArgument(x.name, x.start, x.end) for x in (ANN, BOB))
    relations = (
        Relation(head, tail, "plays", 0.75),
        Relation(tail, head, "plays", 0.125),
        Relation(head, tail, "leads", 0.1234567),
        Relation(head, PERSON, "self", 0.625),
    )
    found.add_relations(Relations(relations=relations))
    post = found.post("a", None, None)
    assert post.text == "Gatika Bamorel plays for Divafen United !"
    assert post.mentions == (
        Mention("Divafen United", "org", span=(25, 39)),
        Mention("Gatika Bamorel", "per", span=(0, 14)),
        Mention("a person", box=PERSON.box),
        Mention("", box=(0.5, 0.0, 1.0, 1.0)),
    )
    assert post.triplets == (
        Triplet(1, 0, "plays", 0.75),
        Triplet(1, 2, "self", 0.625),
        Triplet(0, 1, "plays", 0.5),
        Triplet(1, 0, "leads", 0.123457),
    )
