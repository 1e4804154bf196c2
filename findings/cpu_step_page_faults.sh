#!/usr/bin/env bash
# A compiled function of jax on CPU takes its temporary buffers from malloc in each call, on a thread
# of its own, and glibc gives them back to the system in between: each call maps and zeroes the same
# pages again. Where buffers are large it does so even with the mmap threshold raised, since a pool
# that is not the main thread's cannot grow that far. With one pool for all threads, no mmap and no
# trimming nothing is mapped.
# jax 0.10.2, glibc 2.36, pages of 4 KiB. Seen, of a buffer of 144 MB: 36,050 pages a call by
# default, 35,743 with the threshold alone, 0 with one pool. Fails if that is no longer so.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6
cat > "$folder/faults.py" <<'PYTHON'
import resource

import jax
import jax.numpy as jnp


@jax.jit
def step(x):
    for _ in range(4):
        x = jnp.tanh(x @ x.T) @ x / 1e4
    return x


def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


x = jnp.ones((6000, 100))
for _ in range(3):
    x = jax.block_until_ready(step(x))
before = faults()
for _ in range(5):
    x = jax.block_until_ready(step(x))
print((faults() - before) // 5)
PYTHON
count() { env JAX_PLATFORMS=cpu "$@" "$folder/venv/bin/python" "$folder/faults.py"; }
default="$(count)"
threshold="$(count MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=17179869184)"
kept="$(count MALLOC_ARENA_MAX=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184)"
echo "pages mapped a call: $default by default, $threshold with a high threshold, $kept with one pool"
[ "$default" -gt 1000 ] && [ "$threshold" -gt 1000 ] && [ "$kept" -lt 1000 ]
