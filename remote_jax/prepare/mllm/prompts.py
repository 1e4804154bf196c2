"""Prompts: a Markdown file for each step, which a person may copy and edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from remote_jax.data.files import read_bytes
from remote_jax.errors import Refused, UserError
from remote_jax.prepare.step import digest

FOLDER = Path(__file__).parent / "prompts"
MAX_PROMPT = 2**16


@dataclass(frozen=True)
class Prompt:
    """What a model is told before it sees a post; `$name` stands for a value."""

    path: Path
    text: str

    @property
    def digest(self) -> str:
        return digest(self.text)

    @property
    def names(self) -> list[str]:
        """The values that it asks for."""
        return Template(self.text).get_identifiers()

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with its values.

        Raises:
            UserError: it asks for one that the step does not have.
        """
        try:
            return Template(self.text).substitute(values)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{self.path}: cannot be filled in ({error}); it may have "
                f"{', '.join(f'${name}' for name in values)}, and $$ for a dollar."
            ) from error


def read_prompt(step: str, folder: Path | None) -> Prompt:
    """The prompt of a step.

    Args:
        folder: of one's own prompts; None: those of the package.

    Raises:
        UserError: it is not there, or no text.
    """
    path = (folder or FOLDER) / f"{step}.md"
    if not path.is_file():
        raise UserError(f"There is no prompt {path}: copy {FOLDER / path.name} there and edit it.")
    try:
        return Prompt(path, read_bytes(path, MAX_PROMPT).decode())
    except (Refused, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
