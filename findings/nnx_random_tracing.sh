#!/usr/bin/env bash
# A traced function that draws with flax's nnx.Rngs takes time that is quadratic in its draws, where
# jax.random alone is linear. A draw sets the stream's counter, flax then looks twice whether the
# counter, a tracer of jax, has a `sharding`, and jax walks the whole program so far to word the
# AttributeError that flax throws away.
# flax 0.12.8, jax 0.10.2. Seen, of 400 draws: the error is worded 800 times, and tracing takes 3.6
# times as many Python calls as of 200 draws; with jax.random alone, 2.0 times. Fails if that is no
# longer so.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2
cat > "$folder/draws.py" <<'PYTHON'
import cProfile
import pstats

import jax
from flax import nnx


def of_nnx(key, count):
    rngs = nnx.Rngs(key)
    return sum(jax.random.normal(rngs(), ()) for _ in range(count))


def of_jax(key, count):
    return sum(jax.random.normal(jax.random.fold_in(key, i), ()) for i in range(count))


def calls(draw, count):
    """Python calls of tracing, and how many of them word where a tracer comes from."""
    profile = cProfile.Profile()
    profile.runcall(jax.make_jaxpr(lambda key: draw(key, count)), jax.random.key(0))
    stats = pstats.Stats(profile)
    worded = [n for (_, _, name), (_, n, *_) in stats.stats.items() if name == "_origin_msg"]
    return stats.total_calls, sum(worded)


for draw in (of_nnx, of_jax):
    calls(draw, 2)
    (few, _), (many, worded) = calls(draw, 200), calls(draw, 400)
    print(worded, round(many / few, 1))
PYTHON
seen="$(JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/draws.py")"
echo "messages of 400 draws, and calls compared with 200 draws; nnx.Rngs, then jax.random:"
echo "$seen"
read -r worded growth <<< "$(sed -n 1p <<< "$seen")"
read -r none linear <<< "$(sed -n 2p <<< "$seen")"
[ "$worded" -eq 800 ] && [ "$none" -eq 0 ] && awk "BEGIN { exit !($growth > 3 && $linear < 2.5) }"
