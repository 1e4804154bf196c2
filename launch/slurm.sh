#!/usr/bin/env bash
# Trains on the GPUs of several nodes of a SLURM cluster. From the repository, on a file system that
# all nodes share (as the data, the cache and the workdir are):
#   sbatch --nodes=4 launch/slurm.sh configs/umre.py:paper --config.data.dir=/data/umre
# Set-up, once: python3 -m venv .venv && .venv/bin/pip install -e '.[cuda]'
# A process a GPU: --ntasks-per-node must be the GPUs of a node. Not --gpus-per-task, which hides
# from a process the GPU that jax takes by its number.
#SBATCH --job-name=remote_jax
#SBATCH --nodes=2
#SBATCH --gpus-per-node=8
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@300
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?start this with sbatch}" # SLURM runs a copy of this file

config="${1:?usage: sbatch launch/slurm.sh CONFIG[:PRESET] [flags]}"
shift
# Kernels that add in no fixed order would make a resumed run differ from an undisturbed one.
export XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true"
# The processes talk to each other directly, also where downloads go through a proxy.
nodes="$(scontrol show hostnames "${SLURM_JOB_NODELIST:?}" | paste -sd,)"
export no_proxy="${no_proxy:+$no_proxy,}$nodes"
code=0
srun --kill-on-bad-exit=1 .venv/bin/python -m remote_jax.main --distributed \
    --config="$config" "$@" || code=$?
# 75: SIGTERM came, since the time is nearly over, and what was done is saved.
if [[ $code == 75 ]]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
