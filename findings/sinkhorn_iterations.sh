#!/usr/bin/env bash
# ott's Sinkhorn may do more iterations than `max_iterations`: it rounds them up to a multiple of
# `inner_iterations`, 10 by default, and reports the larger number.
# ott-jax 0.6.0, jax 0.10.2. Seen, with threshold 0: max_iterations 7 did 10, 12 did 20, and 7 with
# inner_iterations=1 did 7. Fails if that is no longer so.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ott-jax==0.6.0 jax==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import jax
from ott.geometry import pointcloud
from ott.problems.linear import linear_problem
from ott.solvers.linear import sinkhorn

one, two = (jax.random.normal(jax.random.key(seed), (8, 2)) for seed in (0, 1))
problem = linear_problem.LinearProblem(pointcloud.PointCloud(one, two, epsilon=0.01))


def done(**settings):
    return int(sinkhorn.Sinkhorn(threshold=0.0, **settings)(problem).n_iters)


found = (done(max_iterations=7), done(max_iterations=12))
exact = done(max_iterations=7, inner_iterations=1)
print(f"7 asked: {found[0]} done; 12 asked: {found[1]} done; 7 one by one: {exact} done")
assert found == (10, 20) and exact == 7
PYTHON
