"""What the model made of chosen sentences: tags of word pairs, both graphs and their alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from remote_jax.eega.data.examples import Example
from remote_jax.eega.graphs.visual_graph import SELF, edge_types
from remote_jax.eega.model.eega import Eega
from remote_jax.eega.task import EegaTask
from remote_jax.task import Batch
from remote_jax.training.evaluation import outputs_of_one
from remote_jax.training.state import Params, Skeleton

Edge = tuple[int, int, str]
"""Two nodes of a graph, and what joins the first with the second."""


@dataclass(frozen=True)
class SentenceExplanation:
    """What led to the quintuples of a sentence of n words that are read, with k objects.

    Attributes:
        words: of the sentence.
        tags: names of tags, the first that of no relation.
        likeliest: tag of each pair of words, before `tags.decode` makes entities of them.
        probability: of that tag.
        right: tag of each pair by the labels.
        parse: from a word to its head; none where no parse is read.
        objects: classes.
        scene: from one object to another.
        attention: of words to objects (Eq. 8, Figure 7); None without pictures.
        nodes: T of Eq. 5, edges: T̂ of Eq. 6; None without an alignment, or where there is none.
    """

    words: Sequence[str]
    tags: Sequence[str]
    likeliest: Int[np.ndarray, "n n"]
    probability: Float[np.ndarray, "n n"]
    right: Int[np.ndarray, "n n"]
    parse: Sequence[Edge]
    objects: Sequence[str]
    scene: Sequence[Edge]
    attention: Float[np.ndarray, "n k"] | None
    nodes: Float[np.ndarray, "k n"] | None
    edges: Float[np.ndarray, "k n"] | None


def explain(
    task: EegaTask, skeleton: Skeleton, params: Params, split: str, rows: Sequence[int]
) -> Iterator[SentenceExplanation]:
    """What a model made of the sentences in some rows of `predictions.jsonl`, one at a time.

    Args:
        task: prepared, with its data.
        skeleton, params: the model.

    Raises:
        UserError: a picture changed since the data were read.
    """
    run = jax.jit(lambda params, batch: _observed(skeleton.model(params), batch))
    examples, dataset = task.data.examples(split), task.dataset(split)
    for row in rows:
        features = dataset[row]
        found = outputs_of_one(run, params, features)
        yield _explanation(task, examples[row], features, found)


def _observed(model: nnx.Module, batch: Batch) -> dict[str, Array]:
    """Arrays of an explanation by name, with the axis of the batch; traced."""
    assert isinstance(model, Eega)
    encoded = model.encode(batch)
    tagged, plans = model.tag(encoded, batch), model.plans(encoded)
    made = {"probabilities": jax.nn.softmax(tagged.logits)}
    if tagged.attention is not None:
        made["attention"] = tagged.attention
    if plans is not None:
        aligned = plans.aligned[:, None, None]
        made |= {"nodes": plans.nodes, "edges": plans.edges, "aligned": aligned}
        assert model.alignment is not None
        if model.alignment.alpha == 1:
            del made["edges"]
        if model.alignment.alpha == 0:
            del made["nodes"]
    return {name: jnp.asarray(x) for name, x in made.items()}


def _explanation(
    task: EegaTask,
    example: Example,
    features: Mapping[str, np.ndarray],
    found: Mapping[str, np.ndarray],
) -> SentenceExplanation:
    there = np.flatnonzero(features["words"])
    count, seen = len(there), np.flatnonzero(example.graph.mask)
    probabilities = found["probabilities"][:count, :count]
    aligned = "aligned" in found and bool(found["aligned"].all())

    def plan(name: str) -> Float[np.ndarray, "k n"] | None:
        return found[name][seen][:, :count] if aligned and name in found else None

    attended = "attention" in found and len(seen) > 0
    return SentenceExplanation(
        words=example.sentence.tokens[:count],
        tags=task.corpus.vocabulary.tags,
        likeliest=probabilities.argmax(-1),
        probability=probabilities.max(-1),
        right=features["tags"][:count, :count],
        parse=_parse(example, count),
        objects=[task.corpus.classes[label] for label in example.graph.labels[seen].tolist()],
        scene=_scene(example, edge_types(task.corpus.relations)),
        attention=found["attention"][:count][:, seen] if attended else None,
        nodes=plan("nodes"),
        edges=plan("edges"),
    )


def _parse(example: Example, count: int) -> list[Edge]:
    """The edges of the dependency tree between words that are read."""
    parse = example.parse
    if parse is None:
        return []
    edges = enumerate(zip(parse.heads.tolist(), parse.dependencies, strict=True))
    return [(word, head, name) for word, (head, name) in edges if word != head < count > word]


def _scene(example: Example, names: Sequence[str]) -> list[Edge]:
    """The edges of the scene graph, each once: those of relations that are told, not reversed."""
    types, graph = len(names), example.graph
    told = (types - SELF - 1) // 2
    places = np.argwhere((graph.edges > SELF) & (graph.edges <= SELF + told))
    return [(a, b, names[graph.edges[a, b]]) for a, b in places.tolist()]
