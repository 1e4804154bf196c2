"""A small EEGA and batches for it."""

import jax.numpy as jnp
import numpy as np
from flax import nnx
from models import with_noise

from configs import jmere
from remote_jax.eega import build
from remote_jax.eega.build import Sizes
from remote_jax.eega.graphs.cooccurrence import LEVELS
from remote_jax.eega.graphs.shapes import SHAPES
from remote_jax.eega.graphs.text_graph import DISTANCES

SIZES = Sizes(vocabulary=50, tags=8, edges=6, pos=5, classes=4, object_edges=6)
P, N, K, S = 12, 7, 3, 32
PLAIN = {"features.picture": False, "model.graph": "none", "model.channels": ""}
"""The plain word-pair tagger."""


def config(**changes):
    """`changes` by dotted key."""
    found = jmere.get_config()
    found.text.update({"dim": 16, "layers": 1, "heads": 2, "mlp_dim": 16, "max_positions": 32})
    found.vision.update({"dim": 24, "layers": 1, "heads": 2, "mlp_dim": 16})
    found.model.update({"heads": 2, "edge_dim": 4, "channel_dim": 4, "hidden": 8})
    found.model.update({"channels": "pos,distance,pmi,position,shape", "channel_values": True})
    found.update_from_flattened_dict(changes)
    return found


def make(**changes):
    # No channel's ReLU is 0 everywhere with this seed.
    return with_noise(lambda: build.eega(config(**changes), SIZES, rngs=nnx.Rngs(0)), seed=2)


def without_zeros(model):
    """The model with values where layers start at 0, which would hide what is before them."""
    rng = np.random.default_rng(0)
    for _, variable in nnx.to_flat_state(nnx.state(model)):
        if variable.ndim >= 2 and not variable[...].any():
            variable[...] = jnp.asarray(rng.normal(0, 0.3, variable.shape), variable.dtype)
    return model


def batch(b=4, p=P, n=N, k=K, seed=0):
    """Sentences of 2 to 5 words, a word or two of two pieces; the last has no picture."""
    rng = np.random.default_rng(seed)
    counts = np.array([5, 4, 3, 2])[:b, None]
    words = np.arange(n) < counts
    pieces = np.arange(p) < counts + 4  # [CLS], two more pieces, [SEP]
    first = np.array([-1, 0, 0, 1, 1, 2, 3, 4, *[-1] * (p - 8)])
    cells = words[:, :, None] & words[:, None, :]
    there = np.arange(k) < np.array([2, 3, 1, 0])[:b, None]
    own = np.eye(k, dtype=bool) & there[:, None]
    among = there[:, :, None] & there[:, None, :]
    edges = np.where(cells, symmetric(rng, b, n, SIZES.edges), 0)
    return {
        "tokens": rng.integers(1, SIZES.vocabulary, (b, p)) * pieces,
        "token_mask": pieces,
        "word": np.where(np.arange(p) < counts + 3, first, -1),
        "words": words,
        "edges": np.where(np.eye(n, dtype=bool) & cells, 1, edges),
        "pos": rng.integers(1, SIZES.pos, (b, n)) * words,
        "shape": np.random.default_rng(seed + 1).integers(1, SHAPES, (b, n)) * words,
        "distance": rng.integers(0, DISTANCES, (b, n, n)) * cells,
        "pmi": rng.integers(0, LEVELS, (b, n, n)) * cells,
        "rgb": rng.integers(0, 255, (b, k, S, S, 3), dtype=np.uint8),
        "objects": there,
        "classes": rng.integers(0, SIZES.classes, (b, k)) * there,
        "object_edges": np.where(own, 1, symmetric(rng, b, k, SIZES.object_edges) * among),
        "tags": rng.integers(0, SIZES.tags, (b, n, n)) * cells,
    }


def symmetric(rng, b, size, types):
    """Types of edges, 0 in the same places both ways."""
    found = rng.integers(0, types, (b, size, size))
    return found * (found.swapaxes(1, 2) > 0)


def longer(short, p=3, n=2, k=2):
    """The batch with so much padding more, which holds rubbish that no mask lets through."""
    long = batch(len(short["tokens"]), P + p, N + n, K + k, seed=9)
    for name, value in short.items():
        fill = -1 if name == "word" else 0
        whole = np.full(long[name].shape, fill, value.dtype)
        if name not in ("token_mask", "word", "words", "objects", "tags"):
            whole = long[name].copy()
        whole[tuple(slice(0, size) for size in value.shape)] = value
        long[name] = whole
    return long
