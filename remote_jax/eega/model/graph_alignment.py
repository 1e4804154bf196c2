"""Edge-enhanced graph optimal transport: aligns nodes and edges of two graphs (Eqs. 5-7)."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from remote_jax.errors import UserError
from remote_jax.ot import linear, quadratic


class Graphs(NamedTuple):
    """A batch of graphs: H, which nodes there are, and A between them."""

    nodes: Float[Array, "b n d"]
    mask: Bool[Array, "b n"]
    adjacent: Bool[Array, "b n n"]


class Alignment(NamedTuple):
    """What aligning a batch gives; zeros for an example of which a graph is empty.

    Attributes:
      distance: L_graph of each example (Eq. 7).
      nodes: T (Eq. 5); no gradient.
      edges: T̂ (Eq. 6), zeros where α is 1; no gradient.
    """

    distance: Float[Array, "b"]
    nodes: Float[Array, "b k n"]
    edges: Float[Array, "b k n"]


@dataclass(frozen=True)
class GraphAlignment:
    """L_graph = α D_wd + (1 - α) D_gwd between a visual and a textual graph.

    Mass is spread evenly over the nodes that are there. Both plans are held constant in the
    gradient (envelope theorem). α = 1 aligns nodes alone, and T̂ is not solved; α = 0 edges alone.

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

    def __call__(self, image: Graphs, text: Graphs) -> Alignment:
        """Aligns the k objects of each picture with the n words of its sentence.

        T is where T̂ starts, so that edges are aligned in the way that features suggest.
        """
        image, text = _present(image), _present(text)
        a, b = linear.uniform(image.mask), linear.uniform(text.mask)
        cost = linear.cosine_cost(image.nodes, text.nodes)
        nodes = linear.transport_plan(
            jax.lax.stop_gradient(cost), a, b, epsilon=self.node_epsilon, iterations=self.iterations
        )
        distance = self.alpha * (cost * nodes).sum((1, 2))
        if self.alpha == 1:
            return Alignment(distance, nodes, jnp.zeros_like(nodes))
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
        return Alignment(distance + (1 - self.alpha) * moved.distance, nodes, moved.plan)


def _present(graph: Graphs) -> Graphs:
    """The graph without whatever absent nodes hold."""
    both = graph.mask[:, :, None] & graph.mask[:, None, :]
    nodes = jnp.where(graph.mask[..., None], graph.nodes, 0.0)
    return Graphs(nodes, graph.mask, graph.adjacent & both)


def mean_distance(alignment: Alignment, image: Graphs) -> Float[Array, ""]:
    """L_graph of a batch: the mean over examples with a picture; 0 if none has one."""
    seen = image.mask.any(1)
    return jnp.where(seen, alignment.distance, 0.0).sum() / jnp.maximum(seen.sum(), 1)
