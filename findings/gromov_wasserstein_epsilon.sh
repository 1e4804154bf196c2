#!/usr/bin/env bash
# The same ε means two things. For the same plan, POT's `entropic_gromov_wasserstein` needs twice the
# ε of ott's `GromovWasserstein`, square loss, both in double precision and run to convergence.
# ott-jax 0.6.0, POT 0.9.7.post1, jax 0.10.2. Seen: largest difference of two plans of 6 x 7 points
#     ε 0.05: 5.2e-02 with the same ε, 5.5e-08 with twice the ε
#     ε 0.10: 9.3e-02 with the same ε, 2.7e-05 with twice the ε
# Fails if that is no longer so.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ott-jax==0.6.0 POT==0.9.7.post1 jax==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
import ot
from ott.geometry import geometry
from ott.problems.quadratic import quadratic_problem
from ott.solvers.linear import sinkhorn
from ott.solvers.quadratic import gromov_wasserstein

rng = np.random.default_rng(0)


def distances(count):
    points = rng.normal(size=(count, 3))
    found = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return found / found.max()


one, two = distances(6), distances(7)


def by_ott(epsilon):
    spaces = (geometry.Geometry(jnp.asarray(matrix)) for matrix in (one, two))
    solver = gromov_wasserstein.GromovWasserstein(
        linear_solver=sinkhorn.Sinkhorn(threshold=1e-12, max_iterations=100_000),
        epsilon=epsilon,
        relative_epsilon=None,
        threshold=1e-12,
        max_iterations=2000,
    )
    return np.asarray(solver(quadratic_problem.QuadraticProblem(*spaces)).matrix)


def by_pot(epsilon):
    masses = np.full(6, 1 / 6), np.full(7, 1 / 7)
    return ot.gromov.entropic_gromov_wasserstein(
        one, two, *masses, "square_loss", epsilon=epsilon, tol=1e-13, max_iter=20_000
    )


for epsilon in (0.05, 0.1):
    plan = by_ott(epsilon)
    same, twice = (abs(plan - by_pot(factor * epsilon)).max() for factor in (1, 2))
    print(f"epsilon {epsilon}: {same:.1e} with the same, {twice:.1e} with twice the epsilon")
    assert same > 0.03 and twice < 1e-4
PYTHON
