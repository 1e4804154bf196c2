"""Parses of the sample's sentences, in Universal Dependencies, as its grammar knows them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from remote_jax.eega.graphs.trees import Parse

Clause = tuple[str, Sequence[tuple[int, int]]]
"""A wording, and the words [start, end) of a sentence that each of its own became."""

TREES = {
    # What a sentence says by itself.
    "{0} is the father of {1}": "3 nsubj, 3 cop, 3 det, 3 ROOT, 5 case, 3 nmod",
    "{1} is a daughter of {0}": "3 nsubj, 3 cop, 3 det, 3 ROOT, 5 case, 3 nmod",
    "{0} studied with {1}": "1 nsubj, 1 ROOT, 3 case, 1 obl",
    "{0} and classmate {1} meet again": "4 nsubj, 2 cc, 0 conj, 2 appos, 4 ROOT, 4 advmod",
    "{0} sues {1}": "1 nsubj, 1 ROOT, 1 obj",
    "{0} takes {1} to court": "1 nsubj, 1 ROOT, 1 obj, 4 case, 1 obl",
    "{0} signs for the club {1}": "1 nsubj, 1 ROOT, 4 case, 4 det, 1 obl, 4 appos",
    "the team {1} fields {0}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 3 obj",
    "{0} was born in {1}": "2 nsubj:pass, 2 aux:pass, 2 ROOT, 4 case, 2 obl",
    "{1} is the birthplace of {0}": "3 nsubj, 3 cop, 3 det, 3 ROOT, 5 case, 3 nmod",
    "{0} holds a {1} passport": "1 nsubj, 1 ROOT, 4 det, 4 compound, 1 obj",
    "{0} waves a {1} flag": "1 nsubj, 1 ROOT, 4 det, 4 compound, 1 obj",
    "the firm {0} buys rival {1}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 3 obj, 4 appos",
    "the firm {1} belongs to {0}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 5 case, 3 obl",
    "the firm {0} moves to {1}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 5 case, 3 obl",
    "{1} is the base of the firm {0}": (
        "3 nsubj, 3 cop, 3 det, 3 ROOT, 6 case, 6 det, 3 nmod, 6 appos"
    ),
    "{1} is a district of {0}": "3 nsubj, 3 cop, 3 det, 3 ROOT, 5 case, 3 nmod",
    "{0} includes the village {1}": "1 nsubj, 1 ROOT, 3 det, 1 obj, 3 appos",
    "the festival {0} opens in {1}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 5 case, 3 obl",
    "{1} hosts the festival {0}": "1 nsubj, 1 ROOT, 3 det, 1 obj, 3 appos",
    "the song {0} is on the album {1}": (
        "1 det, 6 nsubj, 1 appos, 6 cop, 6 case, 6 det, 6 ROOT, 6 appos"
    ),
    "{1} ends with the song {0}": "1 nsubj, 1 ROOT, 4 case, 4 det, 1 obl, 4 appos",
    # What it leaves to the picture.
    "{0} and {1}": "0 ROOT, 2 cc, 0 conj",
    "{0} with {1}": "0 ROOT, 2 case, 0 nmod",
    "a big day for {0} and {1}": "2 det, 2 amod, 2 ROOT, 4 case, 2 nmod, 6 cc, 4 conj",
    "so proud of {0} and {1}": "1 advmod, 1 ROOT, 3 case, 1 obl, 5 cc, 3 conj",
    "our guests {0} and {1}": "1 nmod:poss, 1 ROOT, 1 appos, 4 cc, 2 conj",
    "mister {0} beside mister {1}": "1 compound, 1 ROOT, 4 case, 4 compound, 1 nmod",
    "mister {0} loves the town {1}": "1 compound, 2 nsubj, 2 ROOT, 4 det, 2 obj, 4 appos",
    "the town {1} misses mister {0}": "1 det, 3 nsubj, 1 appos, 3 ROOT, 5 compound, 3 obj",
    "mister {0} at the games {1}": "1 compound, 1 ROOT, 4 case, 4 det, 1 nmod, 4 appos",
    "the games {1} with mister {0}": "1 det, 1 ROOT, 1 appos, 5 case, 5 compound, 1 nmod",
}
"""The head of each word of a wording, by its place, and the label of the edge between them."""

POS = {
    "AUX": "is was",
    "DET": "the a",
    "ADP": "of with to for in on at beside",
    "CCONJ": "and",
    "SCONJ": "while",
    "PRON": "our",
    "ADV": "again so",
    "ADJ": "big proud",
    "INTJ": "wow",
    "PUNCT": ", : ; . ! ...",
    "X": "RT #photo #weekend",
    "VERB": (
        "studied meet sues takes signs fields born holds waves buys belongs moves includes opens "
        "hosts ends loves misses"
    ),
    "NOUN": (
        "father daughter classmate court club team birthplace passport flag firm rival base "
        "district village festival song album day guests mister town games today news"
    ),
}
POS_OF = {word: pos for pos, words in POS.items() for word in words.split()}
"""Parts of speech; names are PROPN."""

BETWEEN = {"and": "cc", "while": "mark", "today": "obl:tmod", "news": "parataxis"}
"""Labels of words outside of clauses, unless they are punctuation or discourse."""


def parse(tokens: Sequence[str], clauses: Sequence[Clause]) -> Parse:
    """The tree of a sentence: its clauses one after another, each hung on the first.

    A word between clauses hangs on the clause that it introduces, one after the last on the first.
    """
    heads, labels = [-1] * len(tokens), [""] * len(tokens)
    pos = [POS_OF.get(word, "PROPN") for word in tokens]
    roots = []
    for wording, spans in clauses:
        for (start, end), edge in zip(spans, TREES[wording].split(", "), strict=True):
            place, label = edge.split()
            heads[start], labels[start] = spans[int(place)][0], label
            heads[start + 1 : end] = [start] * (end - start - 1)
            labels[start + 1 : end] = ["flat"] * (end - start - 1)
            if label == "ROOT":
                roots.append(start)
                if roots[1:]:
                    heads[start], labels[start] = roots[0], "conj"
    for word, head in enumerate(heads):
        if head < 0:
            heads[word] = next((root for root in roots if root > word), roots[0])
            other = "punct" if pos[word] == "PUNCT" else "discourse"
            labels[word] = BETWEEN.get(tokens[word], other)
    return Parse(np.array(heads, np.int32), tuple(labels), tuple(pos))
