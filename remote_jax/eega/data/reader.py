"""The sentences of an annotation file, each row checked against all that it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from remote_jax.data.files import count_lines, inside, read_bytes, read_lines
from remote_jax.data.images import read_picture
from remote_jax.data.jsonl import MAX_LINE, parse, show
from remote_jax.data.media import Media
from remote_jax.data.records import Rejected
from remote_jax.data.release import MAX_JSON
from remote_jax.eega.data.formats import DataFiles
from remote_jax.eega.data.json_rows import list_items
from remote_jax.eega.data.sentences import Sentence, check_jmere, check_mnre, names_in
from remote_jax.eega.quintuples import Labels
from remote_jax.errors import Refused, UserError
from remote_jax.reporting.progress import tracked

BOM = b"\xef\xbb\xbf"
EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
"""Of pictures whose `img_id` has none."""


class SentenceReader:
    """Iterates over a split's sentences, with `{file, line or row, reason}` of refused rows.

    Attributes:
        name: of the file.
        rows: that were read and not refused; one sentence may be many.
        missing: sentences whose picture is named and is not there.
    """

    def __init__(self, files: DataFiles, split: str):
        self.files, self.split = files, split
        self.name = files.rows[split].relative_to(files.root).as_posix()
        self.rows = self.missing = 0
        self._media = Media(files.root)

    def __iter__(self) -> Iterator[Sentence | Rejected]:
        return self._listed() if self.files.layout.listed else self._merged()

    def _listed(self) -> Iterator[Sentence | Rejected]:
        """One sentence a row."""
        path = self.files.rows[self.split]
        try:
            total = sum(1 for _ in rows_of(path))
            rows = tracked(rows_of(path), f"reading {self.name}", "rows", total)
            for number, row in enumerate(rows, start=1):
                try:
                    checked = self._check(row)
                    sentence = self._pictured(checked, number)
                    self.missing += bool(checked.image) and not sentence.image
                    self.rows += 1
                    yield sentence
                except Refused as error:
                    yield {"file": self.name, "row": number, "reason": str(error)}
        except Refused as error:
            raise UserError(f"{path}: {error}.") from error

    def _merged(self) -> Iterator[Sentence | Rejected]:
        """One sentence of all rows with its words; one without a relation is left out."""
        found: dict[tuple[str, ...], Sentence] = {}
        named: set[tuple[str, ...]] = set()
        path = self.files.rows[self.split]
        total = count_lines(path, MAX_LINE)
        lines = tracked(read_lines(path, MAX_LINE), f"reading {self.name}", "rows", total)
        for number, line in lines:
            try:
                row = self._check(line)
                if row.labels.quintuples:
                    first = found.get(row.tokens)
                    if first is None or not first.image:
                        seen = self._pictured(row, number)
                        first = replace(first, image=seen.image) if first else seen
                    if row.image:
                        named.add(row.tokens)
                    more = first.labels.quintuples | row.labels.quintuples
                    found[row.tokens] = replace(first, labels=Labels.from_quintuples(more))
                self.rows += 1
            except Refused as error:
                yield {"file": self.name, "line": number, "reason": str(error)}
        self.missing = sum(not found[tokens].image for tokens in named)
        yield from found.values()

    def _check(self, row: bytes | Refused) -> Sentence:
        if isinstance(row, Refused):
            raise row
        check = check_jmere if self.files.layout.listed else check_mnre
        sentence = check(parse(row), self.files.vocabulary)
        if sentence.image:
            inside(self.files.root, sentence.image)
        return sentence

    def _pictured(self, row: Sentence, place: int) -> Sentence:
        image = self._picture(row.image) if row.image else ""
        return replace(row, image=image, file=self.name, place=place)

    def _picture(self, name: str) -> str:
        """The file of a picture, which may be named without its extension; "" if it is not there.

        Raises:
            Refused: it cannot be read, or several have that name.
        """
        folders = self.files.pictures[self.split]
        if exact := self._media.find(folders, name, read_picture):
            return exact
        if PurePosixPath(name).suffix.lower() in EXTENSIONS:
            return ""
        names = (f"{name}{extension}" for extension in EXTENSIONS)
        found = [one for x in names if (one := self._media.find(folders, x, read_picture))]
        if len(found) > 1:
            raise Refused(f"img_id {show(name)} is any of {', '.join(found)}: add the extension")
        return found[0] if found else ""


def rows_of(path: Path) -> Iterator[bytes | Refused]:
    """The rows of a file that is a JSON list, or has a row a line.

    Raises:
        Refused: it is neither, or the list does not end where the file does.
        UserError: it cannot be read.
    """
    content = read_bytes(path, MAX_JSON)
    if content[:MAX_LINE].removeprefix(BOM).lstrip().startswith(b"{"):
        return (line for _, line in read_lines(path, MAX_LINE))
    return list_items(content)


def names(files: DataFiles) -> tuple[list[str], list[str]]:
    """Types and relations that the rows of all splits name, each once, as they are first met."""
    types: dict[str, None] = {}
    relations: dict[str, None] = {}
    listed = files.layout.listed
    for path in files.rows.values():
        for row in _parsed(path, listed=listed):
            some_types, some_relations = names_in(row, listed=listed)
            types |= dict.fromkeys(some_types)
            relations |= dict.fromkeys(some_relations)
    return list(types), list(relations)


def _parsed(path: Path, *, listed: bool) -> Iterator[dict[str, Any]]:
    """The rows of a file that can be parsed; where the list of them is broken, those before."""
    with suppress(Refused):
        for row in rows_of(path) if listed else (line for _, line in read_lines(path, MAX_LINE)):
            with suppress(Refused):
                if not isinstance(row, Refused):
                    yield parse(row)
