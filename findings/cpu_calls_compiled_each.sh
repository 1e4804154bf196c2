#!/usr/bin/env bash
# XLA on CPU compiles a block that a program calls many times once for each call. That is so too
# where jax lowers it to one function, and where its calls are marked as not to be inlined
# (jax.experimental.xla_metadata, inlineable="false"): the compiled program then keeps its calls, but
# each has a copy of the function of its own. Only a loop (lax.scan) has one. So the time to compile
# a deep encoder cannot be cut by making its layers calls of one jitted function.
# jax 0.10.2, the gradient of 4 and of 16 like blocks. Seen: 90 and 366 fusions inlined, 115 and 463
# with 8 and 32 calls kept, 51 and 51 in a loop. Fails if calls share their function.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
cat > "$folder/blocks.py" <<'PYTHON'
import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata


@jax.jit
def block(x, weights):
    hidden = jax.nn.gelu(x @ weights)
    hidden = hidden - hidden.mean(-1, keepdims=True)
    weight = jax.nn.softmax(hidden @ hidden.swapaxes(-1, -2))
    return x + weight @ hidden


def inlined(x, layers):
    for weights in layers:
        x = block(x, weights)
    return x


def called(x, layers):
    with set_xla_metadata(inlineable="false"):
        return inlined(x, layers)


def looped(x, layers):
    return jax.lax.scan(lambda x, weights: (block(x, weights), None), x, layers)[0]


found = {}
for form in (inlined, called, looped):
    for depth in (4, 16):
        x, layers = jnp.ones((2, 8, 16)), jnp.ones((depth, 16, 16))
        step = jax.jit(jax.grad(lambda layers, x: (form(x, layers) ** 2).sum()))
        text = step.lower(layers, x).compile().as_text()
        found[form.__name__, depth] = text.count(" fusion("), text.count(" call(")
        print(f"{form.__name__}, {depth} blocks: %d fusions, %d calls" % found[form.__name__, depth])
grown = {name: found[name, 16][0] / found[name, 4][0] for name in ("inlined", "called", "looped")}
assert found["called", 16][1] >= 16 and found["inlined", 16][1] == 0
assert grown["inlined"] > 3 and grown["called"] > 3 and grown["looped"] < 1.2
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/blocks.py"
