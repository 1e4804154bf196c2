"""From posts to a completed graph: `remote-jax pipeline CONFIG [--workdir=FOLDER]`.

    remote-jax pipeline sample --workdir=runs/pipeline
    remote-jax pipeline sample --config.posts=posts.jsonl --config.remote.run=runs/mine

prepares posts, trains REMOTE where no run of it is named, extracts triplets, makes a graph of them,
trains ROAM on that, and has it answer questions. Each station is a command that is printed and may
be run by itself; what it says is in FOLDER/STATION.log. A station is skipped if neither its command
nor the files that it reads have changed. The same command goes on where it was stopped.

CONFIG is the name of a pipeline in configs/pipelines, or a file like those.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from remote_jax import config as configs
from remote_jax.commands.arguments import check_known, override, read_flags
from remote_jax.errors import UserError
from remote_jax.pipeline import outcome
from remote_jax.pipeline.plan import plan
from remote_jax.pipeline.settings import KEYS
from remote_jax.pipeline.stations import run, start_process


def main(argv: Sequence[str]) -> int:
    """Runs the pipeline that the command line asks for; returns 0.

    Raises:
        UserError: the command line or the config is wrong, or a station fails.
    """
    values = flags.FlagValues()
    flags.DEFINE_string("workdir", "", "Folder of the pipeline.", values)
    flags.DEFINE_bool("help", False, "Show this.", values, short_name="h")
    program, *rest = read_flags(values, ["remote-jax pipeline", *argv])
    if values.help:
        keys = "\n".join(f"--config.{name}\n    {key.meaning}" for name, key in KEYS.items())
        print(f"{__doc__}\nPipelines: {', '.join(configs.pipelines())}.\n\nKeys:\n\n{keys}")
        return 0
    if not rest or rest[0].startswith("-"):
        raise UserError("Name a pipeline, as `remote-jax pipeline sample`.")
    name, *rest = rest
    config = configs.load_pipeline(name)
    check_known([program, *rest], values)
    override(config, [program, *rest])
    configs.check(config, KEYS)
    workdir = (
        Path(values.workdir) if values.workdir else Path("runs") / f"pipeline-{Path(name).stem}"
    )
    stations = plan(config, workdir)
    taken = run(stations, workdir, start_process)
    print(f"\n{outcome.told(workdir, taken)}")
    return 0
