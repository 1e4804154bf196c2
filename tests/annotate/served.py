"""The server as a process of its own, as a person starts it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ADDRESS = re.compile(r"\w+ (\w+): (http://127\.0\.0\.1:(\d+)/\?token=\S+)")


class Server:
    """A server that was started.

    Attributes:
        addresses: that each person opens.
    """

    def __init__(self, folder: Path, *flags: str, port: int = 0):
        command = [sys.executable, "-m", "remote_jax.main", "annotate", str(folder), *flags]
        self._process = subprocess.Popen(
            [*command, f"--port={port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if "Ctrl-C" in line:
                break
        found = ADDRESS.findall("".join(said))
        assert found, "".join(said)
        self.addresses = {name: address for name, address, _ in found}
        self.port = int(found[0][2])

    def kill(self) -> None:
        """As `kill -9`."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
