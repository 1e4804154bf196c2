"""Random labels of a sentence, for property-based tests."""

import itertools

from hypothesis import strategies as st

from remote_jax.eega.quintuples import Entity, Labels, Quintuple, Vocabulary

VOCABULARY = Vocabulary(("per", "org", "loc"), ("peer", "member_of", "contain", "part_of"))
TYPES, RELATIONS = len(VOCABULARY.types), len(VOCABULARY.relations)


@st.composite
def taggable_labels(draw, most=12):
    """Words of a sentence, and labels whose entities do not overlap: what a matrix can hold."""
    words = draw(st.integers(1, most))
    cuts = sorted(draw(st.sets(st.integers(0, words), max_size=words + 1)))
    spans = [span for span in itertools.pairwise(cuts) if draw(st.booleans())]
    entities = [Entity(*span, draw(st.integers(0, TYPES - 1))) for span in spans]
    quintuples = [
        Quintuple(head, tail, draw(st.integers(0, RELATIONS - 1)))
        for head in entities
        for tail in entities
        if head != tail and draw(st.booleans())
    ]
    return words, Labels.from_quintuples(quintuples, entities)


@st.composite
def any_labels(draw, most=8):
    """Words of a sentence, and labels that may overlap, repeat, and contradict each other."""
    words = draw(st.integers(1, most))

    def entity():
        start = draw(st.integers(0, words - 1))
        end = draw(st.integers(start + 1, words))
        return Entity(start, end, draw(st.integers(0, TYPES - 1)))

    entities = [entity() for _ in range(draw(st.integers(0, 5)))]
    quintuples = []
    if entities:
        for _ in range(draw(st.integers(0, 5))):
            head, tail = (draw(st.sampled_from(entities)) for _ in range(2))
            if (head.start, head.end) != (tail.start, tail.end):
                quintuples.append(Quintuple(head, tail, draw(st.integers(0, RELATIONS - 1))))
    return words, Labels.from_quintuples(quintuples, entities)
