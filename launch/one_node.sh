#!/usr/bin/env bash
# Trains on every GPU of one machine, in one process:
#   launch/one_node.sh configs/umre.py:paper --config.data.dir=/data/umre --config.mesh.fsdp=8
# Set-up, once: python3 -m venv .venv && .venv/bin/pip install -e '.[cuda]'
# A batch is split over all GPUs, so train.batch_size and train.eval_batch_size must be multiples of
# their number. Each GPU holds the whole model, or with mesh.fsdp=N an N-th of it.
# CUDA_VISIBLE_DEVICES=0,1 takes some of the GPUs. Started again, the same command resumes its run.
set -euo pipefail
cd "$(dirname "$0")/.."

config="${1:?usage: launch/one_node.sh CONFIG[:PRESET] [flags]}"
shift
# Kernels that add in no fixed order would make a resumed run differ from an undisturbed one.
export XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true"
exec .venv/bin/python -m remote_jax.main --config="$config" "$@"
