"""What REMOTE reads and answers, for an export; the arrays are those of `features.Featurize`."""

from __future__ import annotations

import jax

from remote_jax.remote.data.features import Featurizes
from remote_jax.remote.data.pairs import Argument, Pair
from remote_jax.task import Interface

DESCRIPTION = (
    "REMOTE reads a sentence, its picture and a marked head and tail, entities or objects, and "
    "gives the probability of each relation between them."
)
PAIR = "An example is a head and a tail."
PAIRS = (
    "An example is a post and some of its pairs; each has four markers, which have the positions "
    "of what they mark."
)
NOTES = (
    "The vision encoder in `vit` is what was fine-tuned, but not "
    "all that the model sees by: the model reads crops and depth patches without a CLS token, adds "
    "where objects are, and fuses each level of an encoder with those below it. The kernel of "
    "depth patches, the fusion and all else is in the parameters alone."
)
FIELDS = {
    "tokens": "`[CLS] .. <s1> head </s1> .. <s2> tail </s2> .. [SEP] <o1> caption of head </o1> "
    "<o2> caption of tail </o2> [SEP]`; an entity has its `<o>` pair only if it is captioned",
    "token_mask": "false for padding",
    "token_types": "0 up to the first `[SEP]`, then 1",
    "rgb": "crop of each object, in the order red, green, blue",
    "rgb_mask": "which objects there are and have a picture",
    "depth": "crop of the depth map of each object, 255 the nearest",
    "depth_mask": "which objects there are and have a depth map",
    "boxes": "left, top, right, bottom of each object, as shares of the picture",
    "marker": "where the opening markers of head and tail are in `tokens`",
    "object": "places of head and tail among the objects; -1 for an entity",
    "markers": "of each pair: `<s1>` and `</s1>` of the head, or `<o1>` and `</o1>` if it is an "
    "object; then those of the tail, with a 2",
    "places": "where in `tokens` is what each of them marks: the first or the last word piece of "
    "an entity, the marker before or after an object's caption",
    "pair_mask": "which pairs there are",
    "probabilities": "of each relation of relations.json",
}
TOGETHER = {
    "tokens": "`[CLS] .. [SEP] <o1> caption of an object </o1> <o1> caption of the next </o1> .. "
    "[SEP]`",
    "object": "places of each pair's head and tail among the objects; -1 for an entity",
    "probabilities": "of each pair, of each relation of relations.json; those of no pair, where "
    "`pair_mask` is false, say nothing",
}
ANSWERS = ("probabilities",)

POST = {"text": "Gatika Bamorel and Divafen Rokel are siblings", "entities": [[0, 14], [19, 32]]}


def interface(featurize: Featurizes, shared: bool) -> Interface:
    """Names, shapes and types of what the model reads, as features of an empty pair have them.

    Args:
        shared: whether an example has pairs of a post.
    """
    argument = Argument("", (0, 1))
    pair = Pair(("",), argument, argument)
    example = featurize.map((pair,) if shared else pair)
    inputs = {
        name: jax.ShapeDtypeStruct(value.shape, value.dtype)
        for name, value in example.items()
        if name in FIELDS
    }
    fields = {name: said for name, said in FIELDS.items() if name in inputs or name in ANSWERS}
    if not shared:
        return Interface(DESCRIPTION, inputs, fields, f"{PAIR} {NOTES}", POST)
    return Interface(DESCRIPTION, inputs, {**fields, **TOGETHER}, f"{PAIRS} {NOTES}", POST)
