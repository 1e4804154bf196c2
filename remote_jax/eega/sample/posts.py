"""Draws posts: a few facts in one sentence, and what is in the picture."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from remote_jax.eega.graphs.trees import Parse
from remote_jax.eega.sample import syntax
from remote_jax.eega.sample.facts import OBJECTS, QUESTIONS, SAID, WEIGHTS, Meaning, Question

SYLLABLES = (
    *("ba", "bel", "do", "fen", "ga", "gor", "ha", "ja", "kel", "ki"),
    *("la", "lo", "mar", "mi", "nel", "no", "pa", "ri", "ro", "sel"),
    *("ta", "ti", "tor", "va", "vi", "wen", "yo", "zan"),
)
# A word belongs to the split of its checksum's last digit, so that no two splits share a name.
SPLITS = {"train": range(8), "validation": (8,), "test": (9,)}

ASKING = 0.75
"""Share of posts with a question."""
MORE = {True: (0, 0, 0, 1, 1, 2), False: (1, 1, 2)}
"""Numbers of facts that a sentence tells, with a question beside them and without."""

OPENINGS = ("", "", "RT", "wow ,", "today :", "news :")
JOINS = (",", "and", "while", ";")
ENDINGS = (".", "!", "#photo", "#weekend", "...")
SCENERY = ("tree", "car", "lamp")


@dataclass(frozen=True)
class Fact:
    """A quintuple: two spans of words [start, end) and what is between them.

    Attributes:
        head, tail: the spans.
        meaning: types and relation.
        open: the question that the picture settles; None where the sentence tells all.
    """

    head: tuple[int, int]
    tail: tuple[int, int]
    meaning: Meaning
    open: Question | None


@dataclass(frozen=True)
class Post:
    """A sentence, its parse and facts, and the objects of its picture, people first."""

    tokens: tuple[str, ...]
    parse: Parse
    facts: tuple[Fact, ...]
    objects: tuple[str, ...]


def generate(rng: random.Random, split: str) -> Post:
    """Draws a post with names of the split."""
    asking = rng.random() < ASKING
    question = rng.choices(QUESTIONS, WEIGHTS)[0] if asking else None
    said = rng.sample(sorted(SAID), rng.choice(MORE[asking]))
    parts: list[tuple[str, Meaning, Question | None]] = [
        (rng.choice(SAID[meaning]), meaning, None) for meaning in said
    ]
    shown = rng.choice(OBJECTS)
    if question is not None:
        shown = rng.choice(sorted(question.answers))
        parts.append((rng.choice(question.wordings), question.answers[shown], question))
    rng.shuffle(parts)
    tokens, parse, facts = _sentence(rng, split, parts)
    people = ["person"] * rng.choice((1, 2))
    scenery = rng.sample(SCENERY, rng.choice((0, 1, 2)))
    return Post(tokens, parse, facts, (*people, shown, *scenery))


def _sentence(
    rng: random.Random, split: str, parts: Sequence[tuple[str, Meaning, Question | None]]
) -> tuple[tuple[str, ...], Parse, tuple[Fact, ...]]:
    tokens = rng.choice(OPENINGS).split()
    facts, clauses = [], []
    names: list[list[str]] = []
    for number, (wording, meaning, question) in enumerate(parts):
        if number:
            tokens.append(rng.choice(JOINS))
        ends, spans = [(0, 0), (0, 0)], []
        for piece in wording.split():
            words = [piece]
            if piece.startswith("{"):
                words = _name(rng, split)
                while words in names:
                    words = _name(rng, split)
                names.append(words)
                ends[int(piece[1])] = (len(tokens), len(tokens) + len(words))
            spans.append((len(tokens), len(tokens) + len(words)))
            tokens += words
        facts.append(Fact(ends[0], ends[1], meaning, question))
        clauses.append((wording, spans))
    tokens.append(rng.choice(ENDINGS))
    return tuple(tokens), syntax.parse(tokens, clauses), tuple(facts)


def _name(rng: random.Random, split: str) -> list[str]:
    """One or two invented words; nothing in a name tells what kind of thing bears it."""
    return [_word(rng, split) for _ in range(rng.choice((1, 2)))]


def _word(rng: random.Random, split: str) -> str:
    while True:
        word = "".join(rng.choices(SYLLABLES, k=rng.choice((2, 3)))).capitalize()
        if zlib.crc32(word.encode()) % 10 in SPLITS[split]:
            return word
