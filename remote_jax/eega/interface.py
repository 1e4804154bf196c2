"""What EEGA reads and answers, for an export; the arrays are those of `features.Featurize`."""

from __future__ import annotations

import jax
import numpy as np

from remote_jax.eega.data.examples import Example
from remote_jax.eega.data.features import Featurize
from remote_jax.eega.data.sentences import Sentence
from remote_jax.eega.graphs import visual_graph
from remote_jax.eega.graphs.trees import Parse
from remote_jax.task import Interface

DESCRIPTION = (
    "EEGA reads a sentence and the objects of its picture, and tags each pair of words: with a "
    "type where both are of one entity, with a relation where one is of the head and the other of "
    "the tail."
)
NOTES = (
    "Entities and quintuples are read off the tags by `remote_jax.eega.tags.decode`, which is not "
    "in this folder. It needs knowledge.json, for touching names and relations that are told once. "
    "A model that reads parses has those of a post made by the spaCy pipeline that config.json "
    "names, unless the post brings its own."
)
POST = {"text": "Gatika Bamorel plays for Divafen Rovers"}
FIELDS = {
    "tokens": "`[CLS]`, the pieces of the words, `[SEP]`",
    "token_mask": "false for padding",
    "word": "the word of each piece; -1 for `[CLS]`, `[SEP]` and padding",
    "words": "which words there are",
    "edges": "dependency between two words, 0 for none, by `dependencies` of knowledge.json as "
    "`remote_jax.eega.graphs.text_graph` numbers them",
    "pos": "part of speech of each word, by `pos` of knowledge.json, numbered likewise",
    "shape": "how each word is written (`remote_jax.eega.graphs.shapes`), 0 for no word",
    "distance": "of two words in the tree (`remote_jax.eega.graphs.text_graph`)",
    "pmi": "level of the co-occurrence of two words (`remote_jax.eega.graphs.cooccurrence`)",
    "rgb": "crop of each object, in the order red, green, blue",
    "objects": "which objects there are",
    "classes": "of each object, by `object_classes` of knowledge.json",
    "object_edges": "relation of two objects, 0 for none (`remote_jax.eega.graphs.visual_graph`)",
}
TAGS = "tags"
"""What is asked for, beside what a model reads."""

ANSWERS = {
    "probabilities": "of each tag of tags.json, for each pair of words",
}


def interface(featurize: Featurize, objects: int) -> Interface:
    """Names, shapes and types of what the model reads, as features of one word have them.

    Args:
        objects: `data.max_objects`.
    """
    parse = Parse(np.zeros(1, np.int32), ("",), ("",))
    example = featurize.map(Example(Sentence(("",), ""), parse, visual_graph.empty(objects)))
    inputs = {
        name: jax.ShapeDtypeStruct(value.shape, value.dtype)
        for name, value in example.items()
        if name != TAGS
    }
    fields = {name: FIELDS[name] for name in inputs}
    return Interface(DESCRIPTION, inputs, fields | ANSWERS, NOTES, POST)
