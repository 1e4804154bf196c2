#!/usr/bin/env bash
# Trains on every worker of a Cloud TPU pod slice. From your own machine, with gcloud logged in:
#   TPU=NAME ZONE=ZONE launch/tpu_pod.sh configs/umre.py:paper --config.data.dir=/shared/umre \
#       --config.data.cache=/shared/cache --workdir=/shared/runs/umre
# Set-up, once, on all workers: a folder that they share (Filestore, mounted at /shared), and
#   gcloud compute tpus tpu-vm ssh NAME --zone=ZONE --worker=all --command='
#       git clone REPOSITORY remote_jax && cd remote_jax &&
#       python3 -m venv .venv && .venv/bin/pip install -e ".[tpu]"'
# jax learns from the TPU which workers there are. After a preemption the same command resumes.
set -euo pipefail

config="${1:?usage: TPU=NAME ZONE=ZONE launch/tpu_pod.sh CONFIG[:PRESET] [flags]}"
shift
# The command goes through a shell on the workers; %q keeps each flag in one piece.
command="cd remote_jax && exec .venv/bin/python -m remote_jax.main --distributed"
command+="$(printf ' %q' "--config=$config" "$@")"
exec gcloud compute tpus tpu-vm ssh "${TPU:?name of the TPU}" --zone="${ZONE:?its zone}" \
    --worker=all --command="$command"
