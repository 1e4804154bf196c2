"""Times what transport adds to a step of BERT-base and ViT-B/32, at 24 levels.

    python tests/benchmarks/bench_ot.py [--batch 2] [--epsilon 0.1] [--iterations 50]

Levels 1 to 12 of the text (128 tokens) and of the picture (96 visual tokens), 768 wide, forward and
backward in one compiled program, on a residual stream (each level adds to the one below).
"""

import argparse
import time

import jax
import jax.numpy as jnp

from remote_jax.ot import linear

DIM, LEVELS, POSITIONS = 768, 12, (128, 96)


def residual_streams(batch: int) -> list[list[jax.Array]]:
    keys = jax.random.split(jax.random.key(0), len(POSITIONS))
    streams = []
    for key, n in zip(keys, POSITIONS, strict=True):
        updates = jax.random.normal(key, (LEVELS + 1, batch, n, DIM))
        streams.append(list(jnp.cumsum(updates, axis=0)))
    return streams


def plans(costs: list[jax.Array], epsilon: float, iterations: int) -> list[jax.Array]:
    full = [linear.uniform(jnp.ones((*c.shape[:-2], c.shape[-2]), bool)) for c in costs]
    wide = [linear.uniform(jnp.ones((*c.shape[:-2], c.shape[-1]), bool)) for c in costs]
    return [
        linear.transport_plan(c, a, b, epsilon=epsilon, iterations=iterations)
        for c, a, b in zip(costs, full, wide, strict=True)
    ]


def sides(streams: list[list[jax.Array]]) -> list[tuple[jax.Array, jax.Array]]:
    return [
        (stream[level], jnp.concatenate(stream[:level], axis=1))
        for stream in streams
        for level in range(1, LEVELS + 1)
    ]


def milliseconds(function, *arguments, repeats: int = 7) -> tuple[float, float]:
    """Best time of a call and the time of the first, which compiles."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(1e3 * (time.perf_counter() - start))
    return min(times[1:]), times[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--epsilon", type=float, default=0.1)
    parser.add_argument("--iterations", type=int, default=50)
    options = parser.parse_args()
    streams = residual_streams(options.batch)
    costs = [jax.jit(linear.cosine_cost)(*pair) for pair in sides(streams)]

    def transported(streams):
        pairs = sides(streams)
        costs = [linear.cosine_cost(*pair) for pair in pairs]
        found = plans(costs, options.epsilon, options.iterations)
        moved = [linear.barycentre(p, s) for p, (_, s) in zip(found, pairs, strict=True)]
        return sum((m**2).mean() for m in moved)

    def only_plans(costs):
        return sum((p**2).sum() for p in plans(costs, options.epsilon, options.iterations))

    def only_products(streams):
        pairs = sides(streams)
        scores = [jnp.einsum("bnd,bmd->bnm", *pair) for pair in pairs]
        moved = [s @ sources for s, (_, sources) in zip(scores, pairs, strict=True)]
        return sum((m**2).mean() for m in moved)

    for name, function, argument in (
        ("24 plans", only_plans, costs),
        ("24 plans, their costs and barycentres", transported, streams),
        ("the matrix products of those alone", only_products, streams),
    ):
        forward, _ = milliseconds(jax.jit(function), argument)
        both, first = milliseconds(jax.jit(jax.value_and_grad(function)), argument)
        print(
            f"{name}: forward {forward:.0f} ms, with gradient {both:.0f} ms, first {first:.0f} ms"
        )


if __name__ == "__main__":
    main()
