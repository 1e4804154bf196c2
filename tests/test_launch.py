"""The scripts in launch: what they start is a command of `remote_jax.main` with every flag."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from remote_jax.commands import arguments
from remote_jax.runtime.cluster import Job

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "launch"
SCRIPTS = sorted(LAUNCH.glob("*.sh"))
FLAGS = ["configs/umre.py", "--config.data.dir=/data/a b", "--config.train.epochs=2"]
PYTHON = """#!/usr/bin/env bash
printf '%s\\n' "$SLURM_PROCID" "$PWD" "$no_proxy" "$XLA_FLAGS" "$@" > "$SAID.$SLURM_PROCID"
"""
SRUN = """#!/usr/bin/env bash
[[ $1 == --kill-on-bad-exit=1 ]] && shift
for task in 0 1; do SLURM_PROCID=$task "$@"; done
exit "${CODE:-0}"
"""
SCONTROL = """#!/usr/bin/env bash
[[ "$*" == "show hostnames n[1-2]" ]] && printf 'n1\\nn2\\n'
[[ $1 == requeue ]] && echo "$2" > "$SAID-requeued"
true
"""
GCLOUD = """#!/usr/bin/env bash
for last; do :; done
cd "$HOME" && SLURM_PROCID=0 bash -c "${last#--command=}"
"""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash_and_in_the_table(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    assert os.access(script, os.X_OK)
    assert f"launch/{script.name}" in (LAUNCH / "README.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_start_main_with_every_flag(script: Path, tmp_path: Path) -> None:
    """With programs in place of python, srun and gcloud that write down or pass on their call."""
    home = tmp_path / "remote_jax"
    programs = {".venv/bin/python": PYTHON, "bin/srun": SRUN, "bin/gcloud": GCLOUD}
    programs["bin/scontrol"] = SCONTROL
    for name, text in programs.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
        (home / name).chmod(0o755)
    (home / "launch").mkdir()
    (home / "launch" / script.name).write_text(script.read_text())
    environment = os.environ | {
        **{"HOME": str(tmp_path), "SLURM_SUBMIT_DIR": str(home), "SLURM_PROCID": "0"},
        **{"SLURM_JOB_NODELIST": "n[1-2]", "no_proxy": "here"},
        **{"SAID": str(tmp_path / "said"), "TPU": "a", "ZONE": "b", "XLA_FLAGS": "--before"},
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
    }
    subprocess.run(["bash", home / "launch" / script.name, *FLAGS], env=environment, check=True)
    said = [path.read_text().splitlines() for path in sorted(tmp_path.glob("said.*"))]
    assert [lines[0] for lines in said] == (["0", "1"] if script.stem == "slurm" else ["0"])
    for _, folder, direct, xla, *command in said:
        assert direct == ("here,n1,n2" if script.stem == "slurm" else "here")
        assert folder == str(home) and xla.startswith("--before")
        assert command[:2] == ["-m", "remote_jax.main"]
        order = arguments.parse(["remote_jax", *command[2:]], "")
        assert order is not None and order.config.data.dir == "/data/a b"
        assert order.config.train.epochs == 2
        assert (order.job == Job()) == (script.stem in ("slurm", "tpu_pod"))
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["bash", home / "launch" / script.name], env=environment, check=True)
    if script.stem == "slurm":
        for code in (0, 2, 75):
            assert not (tmp_path / "said-requeued").exists()
            again = environment | {"CODE": str(code), "SLURM_JOB_ID": "7"}
            done = subprocess.run(["bash", home / "launch" / script.name, *FLAGS], env=again)
            assert done.returncode == code
        assert (tmp_path / "said-requeued").read_text() == "7\n"


def test_the_jobset_starts_as_many_processes_as_it_says() -> None:
    jobset = yaml.safe_load((LAUNCH / "jobset.yaml").read_text())
    (job,) = jobset["spec"]["replicatedJobs"]
    spec = job["template"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (line,) = container["args"]
    for index in range(spec["completions"]):
        command = shlex.split(line.replace("$JOB_COMPLETION_INDEX", str(index)))
        assert command[:4] == ["exec", "python", "-m", "remote_jax.main"]
        order = arguments.parse(["remote_jax", *command[4:]], "")
        assert order is not None and order.job is not None and order.job.coordinator
        assert order.job.processes == spec["parallelism"] == spec["completions"]
        assert order.job.process == index
        host, port = order.job.coordinator.split(":")
        # JobSet's name of the first pod of the first job.
        name = jobset["metadata"]["name"]
        assert host == f"{name}-{job['name']}-0-0.{name}"
        assert int(port) == container["ports"][0]["containerPort"]
    assert re.search(r"kubectl apply -f launch/jobset\.yaml", (LAUNCH / "README.md").read_text())
