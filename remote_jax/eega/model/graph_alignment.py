"""Edge-enhanced graph optimal transport: aligns nodes and edges of two graphs (Eqs. 5-7)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from remote_jax.errors import UserError
from remote_jax.ot import linear, quadratic

FEWEST_NODES = 2
"""Of either graph. To a single node there is one plan only, which says nothing, and its gradient
would pull all nodes of the other graph together."""


class Graphs(NamedTuple):
    """A batch of graphs: H, which nodes there are, and A between them."""

    nodes: Float[Array, "b n d"]
    mask: Bool[Array, "b n"]
    adjacent: Bool[Array, "b n n"]


class Plans(NamedTuple):
    """What is moved where; zeros for an example that is not aligned. They have no gradient.

    Attributes:
      nodes: T (Eq. 5).
      edges: T̂ (Eq. 6), zeros where α is 1.
      aligned: the examples whose graphs both have `FEWEST_NODES` or more.
    """

    nodes: Float[Array, "b k n"]
    edges: Float[Array, "b k n"]
    aligned: Bool[Array, "b"]


@dataclass(frozen=True)
class GraphAlignment:
    """L_graph = α D_wd + (1 - α) D_gwd between a visual and a textual graph.

    Mass is spread evenly over the nodes that are there. Both plans are held constant in the
    gradient (envelope theorem). α = 1 aligns nodes alone, and T̂ is not solved; α = 0 edges alone.
    A graph of fewer than `FEWEST_NODES` nodes is not aligned: its distance and gradient are 0.

    Attributes:
      alpha: α, 0.4 in the paper.
      node_epsilon: ε of D_wd, in units of the cosine distance.
      edge_epsilon: ε of D_gwd, in units of its square.
      iterations: the most Sinkhorn iterations for a linear problem; 20 in the paper.
      steps: the most linear problems solved for D_gwd.
    """

    alpha: float
    node_epsilon: float
    edge_epsilon: float
    iterations: int
    steps: int

    def __post_init__(self):
        if not 0 <= self.alpha <= 1:
            raise UserError(f"alpha of the graph alignment is {self.alpha}, expected 0 to 1.")
        for name in ("node_epsilon", "edge_epsilon", "iterations", "steps"):
            if not getattr(self, name) > 0:
                raise UserError(
                    f"{name} of the graph alignment is {getattr(self, name)}, expected above 0."
                )

    def plans(self, image: Graphs, text: Graphs) -> Plans:
        """The plans from the k objects of each picture to the n words of its sentence.

        T is where T̂ starts, so that edges are aligned in the way that features suggest.
        """
        aligned = alignable(image, text)
        image, text = jax.lax.stop_gradient((_present(image, aligned), _present(text, aligned)))
        a, b = linear.uniform(image.mask), linear.uniform(text.mask)
        nodes = linear.transport_plan(
            linear.cosine_cost(image.nodes, text.nodes),
            a,
            b,
            epsilon=self.node_epsilon,
            iterations=self.iterations,
        )
        if self.alpha == 1:
            return Plans(nodes, jnp.zeros_like(nodes), aligned)
        moved = quadratic.gromov_wasserstein(
            quadratic.edge_costs(image.nodes, image.adjacent),
            quadratic.edge_costs(text.nodes, text.adjacent),
            a,
            b,
            start=nodes,
            epsilon=self.edge_epsilon,
            steps=self.steps,
            iterations=self.iterations,
        )
        return Plans(nodes, moved.plan, aligned)

    def distance(self, image: Graphs, text: Graphs, plans: Plans) -> Float[Array, "b"]:
        """L_graph of each example at its plans (Eq. 7)."""
        image, text = _present(image, plans.aligned), _present(text, plans.aligned)
        cost = linear.cosine_cost(image.nodes, text.nodes)
        distance = self.alpha * (cost * plans.nodes).sum((1, 2))
        if self.alpha == 1:
            return distance
        among_objects, among_words = (
            quadratic.edge_costs(graph.nodes, graph.adjacent) for graph in (image, text)
        )
        edges = quadratic.distance(among_objects, among_words, plans.edges)
        return distance + (1 - self.alpha) * edges

    def loss(self, image: Graphs, text: Graphs, plans: Plans) -> Float[Array, ""]:
        """L_graph of a batch: the mean over examples that are aligned; 0 if none is."""
        distance = jnp.where(plans.aligned, self.distance(image, text, plans), 0.0)
        return distance.sum() / jnp.maximum(plans.aligned.sum(), 1)


def alignable(image: Graphs, text: Graphs) -> Bool[Array, "b"]:
    """Which examples have two graphs of `FEWEST_NODES` or more."""
    return (image.mask.sum(1) >= FEWEST_NODES) & (text.mask.sum(1) >= FEWEST_NODES)


def _present(graph: Graphs, aligned: Bool[Array, "b"]) -> Graphs:
    """The graph without whatever absent nodes hold, and empty where it is not aligned."""
    mask = graph.mask & aligned[:, None]
    nodes = jnp.where(mask[..., None], graph.nodes, 0.0)
    return Graphs(nodes, mask, graph.adjacent & mask[:, :, None] & mask[:, None, :])
