#!/usr/bin/env bash
# Trains on one CUDA GPU: launch/one_gpu.sh configs/umre.py:paper --config.data.dir=/data/umre
# Set-up, once: python3 -m venv .venv && .venv/bin/pip install -e '.[cuda]'
# GPU=N picks another GPU than the first. Started again, the same command resumes its run.
set -euo pipefail
cd "$(dirname "$0")/.."

config="${1:?usage: launch/one_gpu.sh CONFIG[:PRESET] [flags]}"
shift
export CUDA_VISIBLE_DEVICES="${GPU:-0}"
# Kernels that add in no fixed order would make a resumed run differ from an undisturbed one.
export XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true"
exec .venv/bin/python -m remote_jax.main --config="$config" "$@"
