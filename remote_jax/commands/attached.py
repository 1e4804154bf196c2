"""What services that show a run (`reporting.trackers`) get when it has ended: its report."""

from __future__ import annotations

from pathlib import Path

from remote_jax.commands.report import check_libraries
from remote_jax.errors import UserError
from remote_jax.reporting.progress import say, working


def report(run: Path) -> Path | None:
    """Writes the report of a finished run into `RUN/report`, and gives that folder.

    None where the extra `report` is not installed or there is no report of such a run, which is
    said.
    """
    try:
        check_libraries()
        from remote_jax.report import write

        with working("writing the report"):
            return write.write(run, run / "report").parent
    except UserError as error:
        say(f"No report is attached. {error}")
        return None
